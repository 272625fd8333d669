import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi, type MockInstance } from "vitest";
import { Dag, ExecutionError, Fsm, next, Scheduler, stop, waitForEvent, type NodeOptions } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { deeds, faultOf, hostile, outcomeOf } from "../support/hostile.js";

const ok = () => 1;
const late = async () => 1;
const fails = () => {
  throw new Error("node failed");
};
const failsLater = async () => fails();

/** p → x → y, and z after x, where x has the given function. */
function around(options: NodeOptions, fn: (...args: any[]) => unknown, first: () => unknown = late): Dag {
  const dag = new Dag("around");
  dag.node("p", { params: [] }, first);
  dag.node("x", { needs: ["p"], params: ["v"], ...options }, fn);
  dag.node("y", { needs: ["x"], params: ["v"] }, () => 1);
  dag.node("z", { after: ["x"], params: [] }, () => 1);
  return dag;
}

/** a → b, where a has the given function, and an error state e. */
function states(options: object, fn: (...args: any[]) => unknown, errorState?: string): Fsm {
  const fsm = new Fsm("states", { errorState });
  fsm.state("a", { initial: true, params: [], ...options }, fn);
  fsm.state("b", { terminal: true, params: ["v"] }, () => 1);
  fsm.state("e", { terminal: true, params: ["error"] }, () => "rescued");
  return fsm;
}

type Deed = (...args: any[]) => any;
type Place = (deed: Deed) => Dag | Fsm | readonly [Dag | Fsm, object];

const cacheIn = (store: object) => ({
  cache: { ttl: 9, store: { get() {}, set() {}, delete() {}, clear() {}, ...store } },
});

const places: Record<string, Place> = {
  "a node": (deed) => around({}, deed),
  "a node that follows no promise": (deed) => around({}, deed, ok),
  "a node that is retried": (deed) => around({ retry: { retries: 1, delay: 0 } }, deed),
  "a node with a timeout, hooks and a fallback": (deed) =>
    around({ timeout: 20_000, hooks: { preExecute() {}, cleanup() {} }, fallback: 5 }, deed),
  "a node with a cache and a circuit": (deed) => around({ ...cacheIn({}), circuitBreaker: {} }, deed),
  "a node with a key, a throttle and a scheduler": (deed) => [
    around({ concurrencyKey: { key: "hostile" }, throttle: { limit: 1e6, interval: 1 } }, deed),
    { scheduler: new Scheduler({ maxConcurrency: 1 }) },
  ],
  "a condition": (deed) => {
    const dag = new Dag("condition");
    dag.condition("x", { params: [] }, deed);
    dag.node("t", { needs: ["x.true"], params: ["v"] }, ok);
    return dag;
  },
  "a select": (deed) => {
    const dag = new Dag("select");
    dag.select("x", { params: [] }, deed);
    dag.node("t", { needs: ["x.default"], params: ["v"] }, ok);
    return dag;
  },
  "a node of whose result one output is needed": (deed) => {
    const dag = new Dag("output");
    dag.node("x", { params: [] }, deed);
    dag.node("t", { needs: ["x.foo"], params: ["v"] }, ok);
    return dag;
  },
  "a node whose result is part of a cache key": (deed) => {
    const dag = around({}, deed);
    dag.node("k", { needs: ["x"], params: ["v"], cache: { ttl: 9 } }, ok);
    return dag;
  },
  "a state": (deed) => states({}, deed),
  "a state with an error state": (deed) => states({}, deed, "e"),
  "a state that is retried": (deed) => states({ retry: { retries: 1, delay: 0 } }, deed, "e"),
  "a state after an event": (deed) => {
    const fsm = new Fsm("event");
    fsm.state("a", { initial: true, params: [] }, () => waitForEvent({ GO: "b" }, { after: [1, "b"] }));
    fsm.state("b", { terminal: true, params: ["v"] }, deed);
    return fsm;
  },
  preExecute: (deed) => around({ hooks: { preExecute: deed } }, ok),
  postExecute: (deed) => around({ hooks: { postExecute: deed } }, late),
  onError: (deed) => around({ hooks: { onError: deed } }, failsLater),
  cleanup: (deed) => around({ hooks: { cleanup: deed } }, fails),
  "the hooks of a run": (deed) => [around({}, ok), { hooks: { preExecute: deed, cleanup: deed } }],
  "the hooks of a state": (deed) => states({ hooks: { postExecute: deed } }, () => next("b", 1)),
  "retry.when": (deed) => around({ retry: { retries: 2, delay: 0, when: deed } }, failsLater),
  "retry.onRetry": (deed) => around({ retry: { retries: 2, delay: 0, onRetry: deed } }, fails),
  "a fallback": (deed) => around({ fallback: deed }, fails),
  "the fallback of a state": (deed) => states({ fallback: deed }, failsLater, "e"),
  "a cache key": (deed) => around({ cache: { ttl: 9, key: deed } }, ok),
  "get of a cache store": (deed) => around(cacheIn({ get: deed }), ok),
  "set of a cache store": (deed) => around(cacheIn({ set: deed }), late),
  "an entry of a cache store": (deed) =>
    around(cacheIn({ get: () => ({ value: outcomeOf(deed), storedAt: Date.now() }) }), ok),
  errorHandler: (deed) => [around({}, failsLater), { errorHandler: deed }],
  "the errorHandler of an fsm": (deed) => [states({}, fails), { errorHandler: deed }],
  "an observer": (deed) => [around({}, fails), { observers: [deed] }],
  "an observer of an fsm": (deed) => [states({}, async () => next("b", 1)), { observers: [deed] }],
  "the condition of a transition": (deed) => states({}, late).addTransition("a", "b", deed),
  "a state hook": (deed) => {
    const fsm = states({}, () => next("b", 1));
    fsm.addStateHook(deed);
    return fsm;
  },
  "a state hook on the way to an error state": (deed) => {
    const fsm = states({}, failsLater, "e");
    fsm.addStateHook(deed);
    return fsm;
  },
  "an override": (deed) => [around({}, ok), { overrides: { x: outcomeOf(deed) } }],
  "the value of next, by name": (deed) => {
    const fsm = new Fsm("values");
    fsm.state("a", { initial: true, params: [] }, () => next("b", outcomeOf(deed)));
    fsm.state("b", { terminal: true, params: ["v", "w"] }, () => 1);
    return fsm;
  },
  "ctx.metadata": (deed) =>
    around({}, (_: unknown, ctx: { metadata: Record<string, unknown> }) => void (ctx.metadata["x"] = outcomeOf(deed))),
  "the reason of an abort": (deed) => [
    around({}, () => new Promise(() => {})),
    { signal: AbortSignal.abort(outcomeOf(deed)) },
  ],
};

const DEADLINE = 30_000;
let store: ReturnType<typeof sqliteStore>;
let warned: MockInstance;
const unhandled: unknown[] = [];
const note = (error: unknown) => void unhandled.push(error);

const turn = () => new Promise((resolve) => setTimeout(resolve, 2));

const ways: Record<string, (workflow: any, options: any, isFsm: boolean) => unknown> = {
  run: (workflow, options) => workflow.run(options),
  "run in mode async": (workflow, options, isFsm) => workflow.run(isFsm ? options : { ...options, mode: "async" }),
  "run with continue": (workflow, options) => workflow.run({ ...options, errorStrategy: "continue" }),
  runSync: (workflow, options) => workflow.runSync({ ...options, signal: undefined }),
  "run with a store": (workflow, options) => workflow.run({ ...options, store }),
  start: async (workflow, options) => {
    const handle = workflow.start(options);
    let last = "run.finished";
    for await (const { type } of handle.events()) last = type;
    if (last !== "run.finished") throw new Error(`the events end with ${last}`);
    return handle.result;
  },
  step: async (workflow, options) => {
    let { state, done } = await workflow.step(undefined, options);
    for (let i = 0; i < 8 && !done; i++) ({ state, done } = await workflow.step(state));
  },
};

beforeAll(() => {
  store = sqliteStore(":memory:");
  process.on("unhandledRejection", note);
  process.on("uncaughtException", note);
});

afterAll(async () => {
  process.off("unhandledRejection", note);
  process.off("uncaughtException", note);
  await store.close();
});

beforeEach(() => {
  unhandled.length = 0;
  warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
});

afterEach(async () => {
  await turn();
  expect(unhandled).toEqual([]);
});

describe("Every run ends with a result or a dagwright error, whatever hostile value comes from", () => {
  it.each(Object.entries(places))("%s", { tags: "slow" }, async (_, place) => {
    const faults: string[] = [];
    // Each in two of the ways to run, since all of them would take minutes.
    const runs = deeds.flatMap(([name, deed], i) =>
      [i, i + 3].map(async (n) => {
        const [way, go] = Object.entries(ways)[n % 7];
        const made = place(deed as Deed);
        const [workflow, options] = made instanceof Dag || made instanceof Fsm ? [made, {}] : made;
        const all = { timeout: DEADLINE, ...options };
        const fault = await faultOf(() => go(workflow, all, workflow instanceof Fsm));
        if (fault !== undefined) faults.push(`${way}, where it ${name}: ${fault}`);
      }),
    );
    await Promise.all(runs);
    expect(faults).toEqual([]);
  });
});

/** The value of a run, or its error. */
const ending = async (run: () => unknown) => {
  try {
    return { value: ((await run()) as { value: unknown }).value };
  } catch (error) {
    return { error: error as ExecutionError };
  }
};

describe("A result", () => {
  const unreadable = hostile["a then that can't be read"];
  const make = (isFsm: boolean, options: object, value: () => unknown) => {
    if (isFsm) return states({ ...options, terminal: true }, value);
    const dag = new Dag("result");
    dag.node("x", { params: [], ...options }, value);
    return dag;
  };

  it("with an unreadable then fails its node with that error, in every mode", async () => {
    for (const isFsm of [false, true])
      for (const options of [{}, { retry: 0, timeout: 9999 }, { hooks: { cleanup() {} } }])
        for (const value of [unreadable, async () => unreadable(), hostile["a revoked object"]]) {
          const workflow = make(isFsm, options, value) as Dag;
          const isLater = value !== unreadable && value !== hostile["a revoked object"];
          const runs = [
            () => workflow.run(),
            () => workflow.run(isFsm ? {} : { mode: "async" }),
            ...(isLater ? [] : [() => workflow.runSync()]),
          ];
          for (const run of runs) {
            const { error } = await ending(run);
            expect(error).toMatchObject({ code: "EXECUTION", node: isFsm ? "a" : "x" });
            expect(error?.cause).toBeInstanceOf(Error);
            expect((error?.cause as Error).message).toMatch(/^trap$|has been revoked/u);
          }
        }
  });

  it("that hides everything but its then is passed on", async () => {
    const shy = new Proxy({}, { getPrototypeOf: () => expect.unreachable(), has: () => expect.unreachable() });
    for (const isFsm of [false, true])
      for (const options of [{}, { retry: 0, timeout: 9999 }, { hooks: { cleanup() {} } }]) {
        const workflow = make(isFsm, options, () => shy) as Dag;
        expect((await workflow.run()).value).toBe(shy);
        expect(workflow.runSync().value).toBe(shy);
      }
  });

  it("whose then calls back twice settles its node once, with the first call", async () => {
    for (const name of ["a then that calls back twice", "a promise whose then calls back at once, and twice"]) {
      const dag = new Dag("twice");
      dag.node("a", { params: [] }, hostile[name]);
      dag.node("b", { needs: ["a"], params: ["a"] }, (a: number) => a + 1);
      dag.node("c", { needs: ["b"], params: ["b"] }, (b: number) => b + 1);
      const run = await dag.run();
      expect(run.results).toEqual({ a: 1, b: 2, c: 3 });
    }
  });
});

describe("The message of an error", () => {
  const messageFor = async (thrown: unknown) => {
    const dag = new Dag("named");
    dag.node("x", { params: [] }, () => {
      throw thrown;
    });
    const { error } = await ending(() => dag.run());
    expect(error?.cause).toBe(thrown);
    return error?.message;
  };

  it.each([
    ["an error of another realm", "elsewhere"],
    ["an error whose message throws", "an object (Error), which has no readable message"],
    ["an error with an object for a message", "an object (Error), which has no readable message"],
    ["an object without a prototype", "an object (Object), which has no readable message"],
    ["a revoked array", "an object that can't be inspected, which has no readable message"],
    ["a tag that throws", "an object that can't be inspected, which has no readable message"],
    ["symbol", "Symbol(s)"],
    ["undefined", "undefined"],
  ])("names %s as %s", async (name, text) => {
    expect(await messageFor(hostile[name]())).toBe(`Node "x" failed: ${text}. See the cause.`);
  });

  it("is that of any value that has one, or else the value as text", async () => {
    expect(await messageFor({ message: "not found", code: 404 })).toBe('Node "x" failed: not found. See the cause.');
    expect(await messageFor({ toString: () => "my own" })).toBe('Node "x" failed: my own. See the cause.');
    expect(await messageFor(new TypeError())).toBe('Node "x" failed: TypeError. See the cause.');
  });

  it("is truncated when it is huge", async () => {
    const message = (await messageFor(new Error("y".repeat(1e6))))!;
    const rest = "… (990000 characters more). See the cause.";
    expect(message).toHaveLength('Node "x" failed: '.length + 10_000 + rest.length);
    expect(message.endsWith(`yyy${rest}`)).toBe(true);
  });
});

describe("A promise instead of a synchronous answer", () => {
  it("fails the state whose condition returned it", async () => {
    const fsm = states({}, () => 5).addTransition("a", "b", (async () => Promise.reject(new Error("no"))) as never);
    await expect(fsm.run()).rejects.toMatchObject({
      message: expect.stringContaining('The condition from "a" to "b" returned a promise.') as string,
      state: "a",
      cycle: 0,
    });
  });

  it("fails the node whose cache key function returned it", async () => {
    const key = () => Promise.reject(new Error("no"));
    await expect(around({ cache: { ttl: 9, key } }, ok).run()).rejects.toMatchObject({
      message: expect.stringContaining('"cache.key" returned a promise.') as string,
      node: "x",
    });
  });
});

it("An error state is called with what was thrown, even undefined", async () => {
  for (const inputs of [undefined, { error: "an input" }]) {
    const fsm = new Fsm("rescue", { errorState: "e" });
    fsm.state("a", { initial: true, params: [] }, () => {
      throw undefined;
    });
    fsm.state("e", { params: ["error"] }, (error: unknown) => stop([error]));
    expect((await fsm.run({ inputs })).value).toEqual([undefined]);
  }
});

describe("An internal error", () => {
  class NeverBegins extends Scheduler {
    override begin(): never {
      throw new Error("no begin");
    }
  }
  class NeverEnds extends Scheduler {
    override end(): never {
      throw new Error("no end");
    }
  }

  it("ends the run, when its scheduler throws in a callback", async () => {
    for (const run of [
      () => around({}, late).run({ scheduler: new NeverBegins() }),
      () => around({}, ok, ok).runSync({ scheduler: new NeverBegins() }),
      () => around({}, late).start({ scheduler: new NeverBegins() }).result,
      () => around({}, late).step(undefined, { scheduler: new NeverBegins() }),
      () => states({}, late).run({ scheduler: new NeverBegins() }),
    ]) {
      const { error } = await ending(run);
      expect(error).toBeInstanceOf(ExecutionError);
      expect(error).toMatchObject({ code: "INTERNAL", cause: new Error("no begin") });
      expect(error?.message).toMatch(/^Run of "\w+" failed internally: no begin\. .*see the cause/u);
      expect(error?.run?.status ?? "failed").toBe("failed");
    }
  });

  it("keeps the result of a run that has ended, and causes a warning", async () => {
    const run = await around({}, late).run({ scheduler: new NeverEnds() });
    expect(run.status).toBe("completed");
    expect(warned).toHaveBeenCalledWith(expect.stringContaining("no end"), "DagwrightRunWarning");
  });

  it("ends the run only if its invalid signal is needed", async () => {
    const broken = (...keys: string[]) => {
      const signal = new EventTarget() as AbortSignal;
      for (const key of keys)
        Object.defineProperty(signal, key, {
          get() {
            throw new Error(`no ${key}`);
          },
        });
      return signal;
    };
    await expect(around({}, late).run({ signal: broken("aborted") })).rejects.toMatchObject({ code: "INTERNAL" });
    expect((await around({}, late).run({ signal: broken("removeEventListener") })).status).toBe("completed");
    const signal = broken("reason");
    const run = around({}, () => new Promise(() => {})).run({ signal });
    signal.dispatchEvent(new Event("abort"));
    await expect(run).rejects.toMatchObject({ code: "CANCELLED", cause: new Error("no reason") });
  });
});
