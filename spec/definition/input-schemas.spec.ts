import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import {
  CancelledError,
  Dag,
  Fsm,
  MissingInputError,
  RunTimeoutError,
  ValidationError,
  next,
  node,
  stop,
  workflow,
  type Context,
  type StandardSchema,
} from "dagwright";
import { sqliteStore } from "dagwright/store";
import { sleep } from "../support/waiting.js";

/** A dag whose only node returns its inputs. */
function report() {
  const dag = new Dag("report", {
    inputs: {
      limit: z.number().min(1).default(10),
      filter: z.object({ from: z.coerce.date(), tags: z.array(z.string()) }),
    },
  });
  const rows = dag.node("rows", (limit: number, filter: { from: Date; tags: string[] }) => ({ limit, ...filter }));
  return { dag, rows };
}

/** A schema that checks a turn later, as one does that asks a database. */
function slow<I, O>(schema: z.ZodType<O, I>): StandardSchema<I, O> {
  const validate = async (value: unknown) => {
    await sleep(1);
    return schema["~standard"].validate(value);
  };
  return { "~standard": { version: 1, vendor: "slow", validate } };
}

const CAUGHT = async (work: Promise<unknown>) =>
  (await work.then(
    () => undefined,
    (error: unknown) => error,
  )) as Error;

describe("The schemas of a workflow's inputs", () => {
  it("check and transform them before anything runs", async () => {
    const { dag, rows } = report();
    const run = await dag.run({ inputs: { filter: { from: "2026-01-02", tags: ["a"] } } });
    expect(run.get(rows)).toEqual({ limit: 10, from: new Date("2026-01-02"), tags: ["a"] });
    expect(run.context.inputs).toEqual({ limit: 10, filter: { from: new Date("2026-01-02"), tags: ["a"] } });
    expect(dag.runSync({ inputs: { limit: 3, filter: { from: 0, tags: [] } } }).get(rows)?.limit).toBe(3);
  });

  it("report everything that is wrong at once, by input and path", async () => {
    let calls = 0;
    const { dag } = report();
    dag.node("other", (size: number) => calls++ + size);
    const inputs = { limit: 0, filter: { from: "never", tags: ["a", 1] }, limits: 5 } as any;
    const error = await CAUGHT(dag.run({ inputs }));
    expect(error).toBeInstanceOf(ValidationError);
    expect(error).not.toBeInstanceOf(MissingInputError);
    const { issues } = error as ValidationError;
    expect(issues.map(({ code, path }) => [code, path])).toEqual([
      ["UNKNOWN_INPUT", undefined],
      ["INVALID_INPUT", ["limit"]],
      ["INVALID_INPUT", ["filter", "from"]],
      ["INVALID_INPUT", ["filter", "tags", 1]],
      ["MISSING_INPUT", undefined],
    ]);
    for (const part of ['"report"', 'Did you mean "limit"', '"filter.tags[1]"', 'input "size"']) {
      expect(error.message).toContain(part);
    }
    expect(calls).toBe(0);
    expect(dag.lastRun).toBeUndefined();
    expect(() => dag.start({ inputs })).toThrow(ValidationError);
    expect(() => dag.runSync({ inputs })).toThrow(ValidationError);
    await expect(dag.step(undefined, { inputs })).rejects.toThrow(ValidationError);
  });

  it("name a single problem in one line", async () => {
    const { dag } = report();
    const { message } = await CAUGHT(dag.run({ inputs: { limit: 0, filter: { from: 0, tags: [] } } }));
    expect(message).toMatch(
      /^Workflow "report" can't run with these inputs\. Input "limit" is invalid: Too small.*\.$/u,
    );
  });

  it("leave an input that is only missing to MissingInputError", async () => {
    const { dag } = report();
    const error = await CAUGHT(dag.run({ inputs: {} as never }));
    expect(error).toBeInstanceOf(MissingInputError);
    expect((error as MissingInputError).missing).toEqual(["filter"]);
  });

  it("give way to a parameter's own default value when they have none", async () => {
    const dag = new Dag("defaults", { inputs: { a: z.number(), b: z.number().default(2), c: z.number().optional() } });
    dag.node("sum", (a = 1, b = 5, c = 7) => [a, b, c]);
    expect((await dag.run({ inputs: {} as never })).value).toEqual([1, 2, 7]);
    expect(dag.inputs.map(({ name, required }) => [name, required])).toEqual([
      ["a", false],
      ["b", false],
      ["c", false],
    ]);
  });

  it("declare inputs that only the context has", async () => {
    const dag = new Dag("context", { inputs: { region: z.enum(["eu", "us"]) } });
    dag.node("where", (ctx: Context) => ctx.inputs.region);
    expect((await dag.run({ inputs: { region: "eu" } })).value).toBe("eu");
    await expect(dag.run()).rejects.toThrow(MissingInputError);
    expect(dag.inputs).toMatchObject([{ name: "region", required: true, schema: { enum: ["eu", "us"] } }]);
  });

  it("are told by dag.inputs and fsm.inputs, as JSON Schema where their library can say it", () => {
    const inputs = {
      limit: z.number().default(10),
      mark: type("string"),
      since: v.optional(v.number(), 3),
      day: z.date(),
      open: slow(z.string()),
    };
    const dag = new Dag("told", { inputs });
    dag.node("all", (day: Date, limit: number, mark: string, since: number, open: string, plain = 1) => [
      day,
      limit,
      mark,
      since,
      open,
      plain,
    ]);
    expect(dag.inputs.map(({ schema, ...others }) => [others, schema?.type])).toEqual([
      [{ name: "day", required: true }, undefined],
      [{ name: "limit", required: false, default: 10 }, "number"],
      [{ name: "mark", required: true }, "string"],
      [{ name: "since", required: false, default: 3 }, undefined],
      [{ name: "open", required: true }, undefined],
      [{ name: "plain", required: false }, undefined],
    ]);
    expect(() => (dag.inputs as unknown[]).push(1)).toThrow(TypeError);
    const fsm = new Fsm("told", { inputs: { id: z.string(), note: z.string().default("") } });
    fsm.state("first", { initial: true }, (id: string) => next("second", id));
    fsm.state("second", (size: number, note: string) => stop([size, note]));
    expect(fsm.inputs.map(({ name, required, default: value }) => [name, required, value])).toEqual([
      ["id", true, undefined],
      ["size", false, undefined],
      ["note", false, ""],
    ]);
  });

  it.each([
    ["zod", z.string().transform(Number)],
    ["valibot", v.pipe(v.string(), v.transform(Number))],
    ["arktype", type("string.numeric.parse")],
    [
      "a schema by hand",
      {
        "~standard": {
          version: 1 as const,
          vendor: "hand",
          validate: (value: unknown) =>
            typeof value === "string" ? { value: Number(value) } : { issues: [{ message: "must be a string" }] },
        },
      },
    ],
  ])("come from %s", async (_, schema) => {
    const dag = new Dag("any library", { inputs: { n: schema } });
    dag.node("twice", (n: number) => 2 * n);
    expect((await dag.run({ inputs: { n: "21" } })).value).toBe(42);
    await expect(dag.run({ inputs: { n: 21 as never } })).rejects.toThrow(/Input "n" is invalid: .*string/u);
  });

  it("belong to classes, which may be given others", async () => {
    @workflow({ inputs: { limit: z.number().default(10) } })
    class Listing {
      @node list(limit: number) {
        return limit;
      }
    }
    expect((await Dag.from(Listing).run()).value).toBe(10);
    class Short extends Listing {}
    expect((await Dag.from(Short).run()).value).toBe(10);
    expect((await Dag.from(Listing, { inputs: { limit: z.number().default(3) } }).run()).value).toBe(3);
    expect((await Dag.from(Listing).clone().run()).value).toBe(10);
  });

  it("apply to the defaults of runs, partial runs and states", async () => {
    const dag = new Dag("partial", { inputs: { n: z.coerce.number() }, runOptions: { inputs: { n: "4" } } });
    dag.node("a", (n: number) => n + 1);
    dag.node("b", { needs: ["a"] }, (a: number) => a + 1);
    expect((await dag.run()).value).toBe(6);
    expect((await dag.runUntil("a", { inputs: { n: "7" } })).value).toBe(8);
    const fsm = new Fsm("machine", { inputs: { n: z.coerce.number(), late: z.string().default("x") } });
    fsm.state("first", { initial: true }, (n: number) => next("second", { n }));
    fsm.state("second", (n: number, late: string) => stop([n, late]));
    expect((await fsm.run({ inputs: { n: "4" } })).value).toEqual([4, "x"]);
    await expect(fsm.run({ inputs: { n: "x" } })).rejects.toThrow(/Input "n" is invalid/u);
    await expect(fsm.run()).rejects.toThrow(/"n"/u);
    expect(() => fsm.runSync({ inputs: { m: 1 } as never })).toThrow(ValidationError);
  });

  it("may be named like anything", async () => {
    const names = ["__proto__", "constructor", "a b", "x.y"];
    const schemas = Object.fromEntries(names.map((name) => [name, z.coerce.number()]));
    const dag = new Dag("hostile", { inputs: schemas });
    dag.node("all", (ctx: Context) => names.map((name) => ctx.inputs[name]));
    const inputs = Object.fromEntries(names.map((name, i) => [name, String(i)]));
    expect((await dag.run({ inputs })).value).toEqual([0, 1, 2, 3]);
    inputs["a b"] = "?";
    expect(((await CAUGHT(dag.run({ inputs }))) as ValidationError).issues[0].path).toEqual(["a b"]);
  });

  it("are refused when they are none", () => {
    const none = { a: 1 } as never;
    expect(() => new Dag("none", { inputs: none })).toThrow(/"inputs\.a" must be a schema.*received 1\..*runOptions/u);
    expect(() => new Fsm("none", { inputs: none })).toThrow(/"inputs\.a" must be a schema/u);
    expect(() => workflow({ inputs: none })).toThrow(/"inputs\.a" must be a schema/u);
    expect(() => workflow({ inputs: [] as never })).toThrow(/"inputs" must be an object/u);
  });

  it("that almost have a parameter's name are warned of", () => {
    const dag = new Dag("typo", { inputs: { limt: z.number() } });
    dag.node("list", (limit = 5) => limit);
    expect(dag.validate()).toMatchObject([{ severity: "warning", code: "UNUSED_INPUT" }]);
    expect(dag.validate()[0].message).toContain('Did you mean "limit"?');
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("broken schema");
      },
      /Input "a" is invalid: its schema threw: broken schema/u,
    ],
    [
      "rejects",
      () => Promise.reject(new Error("broken schema")),
      /Input "a" is invalid: its schema threw: broken schema/u,
    ],
    ["returns nothing", () => undefined, /Input "a" is invalid: its schema threw/u],
    ["has a bad list of issues", () => ({ issues: 5 }), /Input "a" is invalid: its schema does not say why/u],
  ])("fail the run when one %s", async (_, validate, message) => {
    const dag = new Dag("broken", {
      inputs: { a: { "~standard": { version: 1, vendor: "x", validate: validate as never } } },
    });
    dag.node("n", (a: unknown) => a);
    await expect(dag.run({ inputs: { a: 1 } })).rejects.toThrow(message);
    await expect(dag.run()).rejects.toThrow(ValidationError);
  });
});

describe("Asynchronous schemas of inputs", () => {
  function counting(schema: StandardSchema<number, number> = slow(z.number())) {
    const dag = new Dag("slow", { inputs: { n: schema } });
    const seen: number[] = [];
    dag.node("twice", (n: number) => (seen.push(n), 2 * n));
    return { dag, seen };
  }

  it("check before the run starts, however it is begun", async () => {
    const { dag } = counting(slow(z.coerce.number()));
    const inputs = { n: "4" as never };
    expect((await dag.run({ inputs })).value).toBe(8);
    expect((await dag.run({ inputs, mode: "async" })).context.inputs).toEqual({ n: 4 });
    expect((await dag.start({ inputs }).result).value).toBe(8);
    expect((await dag.step(undefined, { inputs })).result).toBe(8);
    const fsm = new Fsm("slow", { inputs: { n: slow(z.coerce.number()) } });
    fsm.state("only", { initial: true }, (n: number) => stop(n));
    expect((await fsm.run({ inputs })).value).toBe(4);
    expect((await fsm.start({ inputs }).result).value).toBe(4);
  });

  it("refuse a run before anything of it is seen", async () => {
    await using store = sqliteStore(":memory:");
    const { dag, seen } = counting();
    await dag.run({ inputs: { n: 1 } });
    const { lastRun } = dag;
    const events: string[] = [];
    const options = {
      inputs: { n: "x" as never },
      store,
      runId: "r",
      observers: [({ type }: { type: string }) => events.push(type)],
    };
    const error = await CAUGHT(dag.run(options));
    expect(error).toBeInstanceOf(ValidationError);
    expect((error as ValidationError).issues).toMatchObject([{ code: "INVALID_INPUT", path: ["n"] }]);
    const handle = dag.start(options);
    await expect(handle.recorded).rejects.toThrow(ValidationError);
    await expect(handle.result).rejects.toThrow(ValidationError);
    await expect(dag.step(undefined, { inputs: options.inputs })).rejects.toThrow(ValidationError);
    await expect(dag.run()).rejects.toThrow(MissingInputError);
    expect(events).toEqual([]);
    expect(seen).toEqual([1]);
    expect(dag.lastRun).toBe(lastRun);
    await expect(store.read("r")).rejects.toMatchObject({ code: "NOT_FOUND" });
    // The id is free.
    expect((await dag.run({ ...options, inputs: { n: 2 } })).value).toBe(4);
  });

  it("are refused by runSync, by name", () => {
    const { dag, seen } = counting();
    expect(() => dag.runSync({ inputs: { n: 1 } })).toThrow(/schema of input "n" returned a promise.*Use run/u);
    expect(seen).toEqual([]);
  });

  it("may take for ever: signal and timeout end the run", async () => {
    const { dag, seen } = counting(z.number().refine(() => new Promise<boolean>(() => {})));
    const signal = AbortSignal.timeout(5);
    await expect(dag.run({ inputs: { n: 1 }, signal })).rejects.toThrow(CancelledError);
    await expect(dag.run({ inputs: { n: 1 }, signal: AbortSignal.abort() })).rejects.toThrow(CancelledError);
    await expect(dag.run({ inputs: { n: 1 }, timeout: 5 })).rejects.toThrow(RunTimeoutError);
    const handle = dag.start({ inputs: { n: 1 } });
    await handle.cancel();
    await expect(handle.result).rejects.toThrow(CancelledError);
    expect(seen).toEqual([]);
  });
});

describe("The checked inputs of a recorded run", () => {
  it("are recorded, and not checked again when it continues, or is replayed", async () => {
    await using store = sqliteStore(":memory:");
    let checks = 0;
    let fails = true;
    const counted = z.string().transform((text) => (checks++, Number(text)));
    const dag = new Dag("recorded", { inputs: { n: counted } });
    dag.node("twice", (n: number) => 2 * n);
    dag.node("last", { needs: ["twice"] }, (twice: number, n: number) => {
      if (fails) throw new Error("not yet");
      return [twice, n];
    });
    await expect(dag.run({ store, runId: "r", inputs: { n: "21" } })).rejects.toThrow("not yet");
    fails = false;
    expect((await dag.resume("r", { store })).value).toEqual([42, 21]);
    expect((await dag.replay("r", { store, rerun: ["last"] })).value).toEqual([42, 21]);
    expect(checks).toBe(1);
    const again = await dag.run({ store, runId: "r", ifExists: "attach", inputs: { n: "21" } });
    expect(again.value).toEqual([42, 21]);
    await expect(dag.run({ store, runId: "r", ifExists: "attach", inputs: { n: "22" } })).rejects.toThrow(/inputs/u);
  });
});
