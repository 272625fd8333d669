import { runInNewContext } from "node:vm";
import { describe, expect, it, vi } from "vitest";
import { cachedNode, Dag, decide, ExecutionError, Fsm, next, route, Scheduler, stop, waitForEvent } from "dagwright";
import { failure, sleep } from "../support/waiting.js";

const two = () => {
  const dag = new Dag<any>("d");
  dag.node("a", () => ({ x: 1 }));
  dag.node("b", { needs: ["a"] }, (a: { x: number }) => a.x);
  return dag;
};
const light = () => {
  const fsm = new Fsm<any>("light");
  fsm.state("red", { initial: true }, () => waitForEvent({ GO: "green" }));
  fsm.state("green", { terminal: true }, () => stop());
  return fsm;
};

describe("An unknown or invalid option is refused by name", () => {
  const cases: [what: string, use: () => unknown, message: RegExp][] = [
    ["of connect", () => two().connect("a", "b", { ouput: "x" } as never), /"ouput" of connect.*"output"/u],
    ["null for connect", () => two().connect("a", "b", null as never), /connect must be an object; received null/u],
    ["of validate", () => two().validate({ strcit: true } as never), /"strcit" of validate.*"strict"/u],
    ["of validateOrThrow", () => light().validateOrThrow({ strict: 1 } as never), /"strict" must be a boolean/u],
    ["null for validate", () => light().validate(null as never), /validate must be an object; received null/u],
    ["nothing for configureNode", () => two().configureNode("a", undefined as never), /node "a" must be an object/u],
    ["of waitForEvent", () => waitForEvent({ GO: "x" }, { aftr: [1, "y"] } as never), /"aftr" of waitForEvent/u],
    ["null for waitForEvent", () => waitForEvent(null as never), /states by event.*received null/u],
    ["a number for a node", () => two().getNode(5 as never), /"name of a node" must be a string/u],
    ["nothing in a chain", () => two().chain("a", undefined as never), /"name of a node" must be a string/u],
    ["of a run, for a dag", () => new Dag("d", { mode: "async" } as never), /Use runOptions: \{ mode \} instead/u],
    ["of a run, for an fsm", () => new Fsm("f", { timeout: 5 } as never), /Use runOptions: \{ timeout \} instead/u],
    ["of a cache", () => cachedNode({ ttl: 1, cloen: false } as never), /"cloen" of a cached node.*"clone"/u],
  ];
  it.each(cases)("%s", (_, use, message) => {
    expect(use).toThrow(message);
  });

  it("of a handle's waitFor", async () => {
    const handle = light().start();
    const refused = failure(handle.waitFor("green", { tiemout: 5 } as never));
    expect((await refused).message).toMatch(/"tiemout" of waitFor.*"timeout"/u);
    await handle.stop();
  });

  it.each([["misspelt", { metdata: {} }] as const, ["a result", { runId: "r", status: "completed" }] as const])(
    "in the context of a run: %s",
    async (_, context) => {
      const error = await failure(two().run({ context: context as never }));
      expect(error.message).toMatch(/"context" must be the context of an earlier run, or \{ metadata \}/u);
    },
  );

  it("among the inputs that a hook returns", async () => {
    const hooks = { preExecute: () => ({ aa: 5 }) };
    const error = await failure(
      two().runUntil("b", { hooks: { preExecute: (node) => (node.name === "b" ? hooks.preExecute() : undefined) } }),
    );
    expect(error.message).toMatch(
      /Hook "preExecute" of node "b" threw: it returned "aa".*not an input of node "b"\..*"a"/u,
    );
  });
});

describe("Conflicting options of two nodes are refused before anything runs", () => {
  const limits = [
    ["concurrency keys", { concurrencyKey: { key: "k", limit: 2 } }, { concurrencyKey: { key: "k", limit: 3 } }],
    [
      "throttles",
      { throttle: { key: "k", limit: 2, interval: 10 } },
      { throttle: { key: "k", limit: 2, interval: 20 } },
    ],
  ] as const;
  it.each(limits)("two limits of one key: %s", (_, one, other) => {
    const dag = new Dag<any>("d");
    dag.node("a", one, () => 1);
    dag.node("b", other, () => 2);
    dag.node("c", one, () => 3);
    expect(dag.isValid).toBe(false);
    expect(() => dag.validateOrThrow()).toThrow(/"a" and "b" give the .* "k" different limits.*same limit/u);
    const fsm = new Fsm<any>("f");
    fsm.state("a", { ...one, initial: true }, () => next("b"));
    fsm.state("b", other, () => stop());
    expect(() => fsm.validateOrThrow()).toThrow(/"a" and "b" give the .* "k" different limits/u);
  });
});

describe("The error says what failed and what to do, for", () => {
  it.each(["_ctx", "myContext", "runCtx", "ctxt"])("a context named %s", async (name) => {
    const fn = new Function(name, "return 1") as () => number;
    const dag = new Dag<any>("d");
    dag.node("a", fn);
    const hint = `If "${name}" is meant to be the run's context, name it "ctx" or "context".`;
    expect((await failure(dag.run())).message).toContain(hint);
    const fsm = new Fsm<any>("f");
    fsm.state("a", { initial: true }, fn);
    expect((await failure(fsm.run())).message).toContain(hint);
  });

  it("a transition's condition", async () => {
    const fault = new Error("no predicate");
    const fsm = new Fsm<any>("f");
    fsm.state("a", { initial: true }, () => 5);
    fsm.state("b", () => stop());
    fsm.addTransition("a", "b", () => {
      throw fault;
    });
    const error = await failure(fsm.run());
    expect(error).toBeInstanceOf(ExecutionError);
    expect(error.message).toBe('The condition from "a" to "b" threw: no predicate. Correct it.');
    expect([error.cause, error.state, error.cycle]).toEqual([fault, "a", 0]);
    expect(error.run.error("a")).toBe(error);
  });

  it("a cache key function", async () => {
    const fault = new Error("no key");
    const dag = new Dag<any>("d");
    const key = () => {
      throw fault;
    };
    dag.cachedNode("a", { ttl: 1000, key }, () => 1);
    const error = await failure(dag.run());
    expect(error.message).toBe('Node "a" has no key for its cache: no key. Correct its "cache.key".');
    expect(error.cause).toBe(fault);
  });

  it("an empty string that was thrown", async () => {
    const dag = new Dag<any>("d");
    dag.node("a", () => {
      throw "";
    });
    expect((await failure(dag.run())).message).toBe('Node "a" failed: "". See the cause.');
  });

  it("onProgress, in a warning", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const onProgress = () => {
      throw new Error("no bar");
    };
    expect((await two().run({ onProgress })).value).toBe(1);
    expect(warned.mock.calls.map(([text]) => text)).toEqual(Array(2).fill('"onProgress" threw: no bar'));
    warned.mockRestore();
  });
});

describe("A closed scheduler", () => {
  it("accepts the runs that nodes of runs in progress start, and no others", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    let closing: Promise<unknown> | undefined;
    const outer = new Dag<any>("outer");
    outer.node("a", async () => {
      closing = scheduler.close();
      return (await two().run({ scheduler })).value;
    });
    expect((await outer.run({ scheduler })).value).toBe(1);
    expect(await closing).toEqual({ runs: 0, running: 0, queued: 0 });
    expect(scheduler.isClosed).toBe(true);
    expect((await failure(outer.run({ scheduler }))).code).toBe("CLOSED");
  });
});

describe("A promise instead of a value is refused, and its rejection handled", () => {
  const rejected = () => Promise.reject(new Error("nobody hears of it"));
  const onward = (outcome: () => unknown) => {
    const fsm = new Fsm<any>("onward");
    fsm.state("a", { initial: true }, outcome);
    fsm.state("b", { terminal: true }, (value: unknown) => value);
    return fsm.run();
  };
  const forking = (define: (dag: Dag<any>) => unknown) => {
    const dag = new Dag<any>("forking");
    define(dag);
    dag.node("b", { needs: ["a.true"] }, (value: unknown) => value);
    return dag.run();
  };
  const cases: [what: string, use: () => Promise<unknown>, message: RegExp][] = [
    ["of stop", () => onward(() => stop(rejected())), /value of "stop" must be a value, not a promise. Await it/u],
    ["of stop, later", () => onward(async () => stop(rejected())), /value of "stop"/u],
    ["of next", () => onward(() => next("b", rejected())), /value of "next"/u],
    ["of decide", () => forking((dag) => dag.condition("a", () => decide(true, rejected()))), /value of "decide"/u],
    ["of route", () => forking((dag) => dag.select("a", () => route("true", rejected()))), /value of "route"/u],
    ["of an event", () => light().start().send("GO", rejected()), /payload of event "GO"/u],
    ["with a then of its own", () => onward(() => stop({ then: () => {} })), /value of "stop"/u],
  ];
  it.each(cases)("%s", async (_, use, message) => {
    const stray: unknown[] = [];
    const strayed = (error: unknown) => void stray.push(error);
    process.on("unhandledRejection", strayed);
    expect((await failure(use())).message).toMatch(message);
    await sleep(5);
    process.off("unhandledRejection", strayed);
    expect(stray).toEqual([]);
  });
});

describe("An object without string keys of its own is refused as a record", () => {
  const nameless: [what: string, value: any][] = [
    ["a map", new Map([["a", 1]])],
    ["symbols", { [Symbol("a")]: 1 }],
    ["inherited keys", Object.create({ a: 1 })],
    ["a date", new Date()],
    ["a list", [1]],
    ["an empty list", []],
  ];
  it.each(nameless)("%s", async (_, value) => {
    for (const option of ["inputs", "overrides", "metadata"]) {
      const error = await failure(two().run({ [option]: value }));
      expect(error.message).toMatch(`"${option}" must be an object with names of its own`);
    }
  });

  it("but an empty object, one without a prototype, and one of another realm are accepted", async () => {
    for (const inputs of [{}, Object.create(null), runInNewContext("({})")] as Record<string, unknown>[]) {
      expect((await two().run({ inputs })).value).toBe(1);
    }
  });
});
