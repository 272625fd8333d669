import { describe, expect, it } from "vitest";
import * as v from "valibot";
import { z } from "zod";
import {
  CancelledError,
  Dag,
  ExecutionError,
  Fsm,
  RetryExhaustedError,
  ValidationError,
  decide,
  next,
  node,
  route,
  state,
  stop,
  waitForEvent,
} from "dagwright";
import { sqliteStore } from "dagwright/store";
import { sleep } from "../support/waiting.js";

const CAUGHT = async (work: Promise<unknown>) =>
  (await work.then(
    () => undefined,
    (error: unknown) => error,
  )) as ExecutionError;

/** Its answers, one a call; the last one from then on. */
function answers<T>(...list: T[]): () => T {
  let calls = 0;
  return () => list[Math.min(calls++, list.length - 1)];
}

describe("The schema of a node's result", () => {
  const rows = z.object({ rows: z.array(z.object({ id: z.coerce.number() })) });

  it("checks and transforms what the node returns", async () => {
    const dag = new Dag("checked");
    const load = dag.node("load", { output: rows }, async (): Promise<unknown> => ({ rows: [{ id: "7", x: 1 }] }));
    dag.node("first", { needs: [load] }, (loaded) => loaded.rows[0].id);
    const run = await dag.run();
    expect(run.get("first")).toBe(7);
    expect(run.get(load)).toEqual({ rows: [{ id: 7 }] });
    const sync = new Dag("sync");
    sync.node("n", { output: z.coerce.number() }, () => "4");
    expect(sync.runSync().value).toBe(4);
  });

  it("fails the attempt with all that is wrong", async () => {
    const dag = new Dag("refused");
    dag.node("load", { output: rows }, () => ({ rows: [{ id: 1 }, { id: "a" }, { id: "b" }] }));
    const error = await CAUGHT(dag.run());
    expect(error).toBeInstanceOf(ExecutionError);
    expect(error).toMatchObject({ node: "load", attempt: 1, code: "EXECUTION" });
    expect(error.message).toMatch(/^Node "load" returned an invalid result at rows\[1\]\.id: .*\n.* rows\[2\]\.id: /u);
    expect(error.cause).toBeInstanceOf(ValidationError);
    expect((error.cause as ValidationError).issues).toMatchObject([
      { code: "INVALID_OUTPUT", nodes: ["load"], path: ["rows", 1, "id"] },
      { code: "INVALID_OUTPUT", nodes: ["load"], path: ["rows", 2, "id"] },
    ]);
    expect(error.run.nodes.get("load")).toMatchObject({ status: "failed", attempts: 1 });
  });

  it("is part of the attempt: retries, fallback, strategy and events apply", async () => {
    const events: string[] = [];
    const dag = new Dag("retried");
    const positive = z.number().positive();
    const retry = { retries: 2, delay: 0 };
    dag.node("twice", { output: positive, retry }, answers(-1, 5));
    dag.node("never", { output: positive, retry, errorStrategy: "continue" }, () => -1);
    dag.node("fallen", { output: positive, fallback: 0 }, () => -1);
    const run = await dag.run({ observers: [({ type }) => void events.push(type)] });
    expect(run.results).toEqual({ twice: 5, fallen: 0 });
    expect(run.nodes.get("twice")?.attempts).toBe(2);
    const [error] = run.errors as RetryExhaustedError[];
    expect(error).toBeInstanceOf(RetryExhaustedError);
    expect(error.errors).toHaveLength(3);
    expect(error.errors.every((each) => each instanceof ExecutionError)).toBe(true);
    expect(events.filter((type) => type === "attempt.failed")).toHaveLength(5);
  });

  it("comes before postExecute, and onError hears of it", async () => {
    const seen: unknown[] = [];
    const hooks = {
      postExecute: (_: unknown, __: unknown, result: unknown) => void seen.push(result),
      onError: (_: unknown, __: unknown, error: unknown) => void seen.push((error as Error).constructor.name),
    };
    const dag = new Dag("hooked");
    dag.node("n", { output: z.coerce.number(), hooks, retry: { retries: 1, delay: 0 } }, answers("x", "3"));
    expect((await dag.run()).value).toBe(3);
    expect(seen).toEqual(["ExecutionError", 3]);
  });

  it("may be asynchronous, and then can't be waited for by runSync, nor outlives its run", async () => {
    let settles = true;
    const check = async () => (settles ? (await sleep(1), true) : new Promise<boolean>(() => {}));
    const dag = new Dag("async");
    dag.node("n", { output: z.coerce.number().refine(check) }, () => "3");
    expect((await dag.run()).value).toBe(3);
    expect(() => dag.runSync()).toThrow(/has a schema "output" that returned a promise.*Use run/u);
    settles = false;
    await expect(dag.run({ signal: AbortSignal.timeout(5) })).rejects.toThrow(CancelledError);
    await expect(dag.run({ timeout: 5 })).rejects.toMatchObject({ code: "RUN_TIMEOUT" });
  });

  it("checks what a fork passes on", async () => {
    const dag = new Dag("forks");
    const number = z.coerce.number();
    dag.node("text", () => "12");
    dag.condition("isLong", { needs: ["text"], output: number }, (text: string) => text.length > 1);
    dag.node("long", { needs: ["isLong.true"] }, (n: unknown) => n);
    dag.condition("decided", { needs: ["text"], output: number }, () => decide(true, "5"));
    dag.node("yes", { needs: ["decided.true"] }, (n: unknown) => n);
    dag.select("routed", { needs: ["text"], output: number }, () => route("a", "6"));
    dag.node("a", { needs: ["routed.a"] }, (n: unknown) => n);
    const run = await dag.run();
    expect([run.get("long"), run.get("yes"), run.get("a")]).toEqual([12, 5, 6]);
    const wrong = new Dag("wrong");
    wrong.condition("c", { output: number }, () => decide(true, "five"));
    await expect(wrong.run()).rejects.toThrow(/Node "c" returned an invalid result/u);
  });

  it("checks the value of a state, wherever it goes", async () => {
    const number = z.coerce.number();
    const fsm = new Fsm("states");
    fsm.state("first", { initial: true, output: number }, () => next("second", "1"));
    fsm.state("second", { output: number }, (n: number) => (n === 1 ? waitForEvent({ GO: "third" }) : stop()));
    fsm.state("third", { output: z.coerce.string() }, (payload: number) => stop(payload));
    const handle = fsm.start();
    await handle.waitFor("second");
    await handle.send("GO", 9);
    const run = await handle.result;
    expect(run.cycleResults).toEqual([
      { state: "first", value: 1 },
      { state: "second", value: undefined },
      { state: "third", value: "9" },
    ]);
    const failing = new Fsm("failing");
    failing.state("only", { initial: true, output: number }, () => stop("x"));
    const error = await CAUGHT(failing.run());
    expect(error).toMatchObject({ state: "only", cycle: 0 });
    expect(error.message).toMatch(/^State "only" returned an invalid result: /u);
    failing.configureState("only", { errorState: "rescue" });
    failing.state("rescue", (thrown: Error) => stop(thrown.name));
    expect((await failing.run()).value).toBe("ValidationError");
  });

  it("belongs to methods, too", async () => {
    class Typed {
      @node({ output: v.object({ a: v.number() }) }) load(): { a: number; b?: number } {
        return { a: 1, b: 2 };
      }
      @node("load", { output: z.number().max(0) }) far({ a }: { a: number }): number {
        return a;
      }
    }
    const error = await CAUGHT(Dag.from(Typed).run());
    expect(error.run.get("load")).toEqual({ a: 1 });
    expect(error.node).toBe("far");
    class Machine {
      @state({ initial: true, output: z.coerce.number() }) only(): number {
        return "7" as never;
      }
    }
    expect((await Fsm.from(Machine).run()).value).toBe(7);
  });

  it("checks what is cached only when it is computed", async () => {
    let checks = 0;
    const dag = new Dag("cached");
    const counted = z.number().transform((n) => (checks++, n + 1));
    dag.cachedNode("n", { ttl: 60_000, output: counted }, () => 1);
    expect([(await dag.run()).value, (await dag.run()).value]).toEqual([2, 2]);
    expect(checks).toBe(1);
  });

  it("does not check what the caller gives in place of the result, nor what is recorded", async () => {
    await using store = sqliteStore(":memory:");
    let checks = 0;
    const dag = new Dag("given");
    dag.node("n", { output: z.number().transform((n) => (checks++, n)) }, () => 1);
    dag.node("m", { needs: ["n"] }, (n: unknown) => n);
    expect((await dag.run({ overrides: { n: "mine" } })).value).toBe("mine");
    expect(checks).toBe(0);
    await dag.run({ store, runId: "r" });
    expect((await dag.replay("r", { store, rerun: ["m"] })).value).toBe(1);
    expect(checks).toBe(1);
  });

  it("is refused when it is none", () => {
    const dag = new Dag("none");
    expect(() => dag.node("n", { output: Number as never }, () => 1)).toThrow(/"output" of node "n" must be a schema/u);
  });
});
