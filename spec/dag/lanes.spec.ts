import { describe, expect, it } from "vitest";
import { Dag, type ExecutorName, type RunOptions } from "dagwright";
import { UserBackend } from "../support/user-backend.js";
import { gate, until } from "../support/waiting.js";

const one = new UserBackend("one", 1);
const two = new UserBackend("two", 2);
const executors: ExecutorName[] = ["workQueue", "level", "reactive"];

/** Four nodes for each of the backends `one`, `two` and inline. Those of `one` are held until they are let go. */
function dagOf(hold: Promise<void>) {
  const dag = new Dag("lanes", { backends: { one, two } });
  const inFlight: Record<string, number> = { one: 0, two: 0, here: 0 };
  const most: Record<string, number> = { ...inFlight, all: 0 };
  const begun: string[] = [];
  for (let i = 0; i < 4; i++) {
    for (const name of ["one", "two", "here"]) {
      dag.node(`${name} ${i}`, { backend: name === "here" ? "inline" : name }, async () => {
        begun.push(`${name} ${i}`);
        most[name] = Math.max(most[name], ++inFlight[name]);
        most.all = Math.max(most.all, inFlight.one + inFlight.two + inFlight.here);
        await (name === "one" ? hold : new Promise((resolve) => setImmediate(resolve)));
        inFlight[name]--;
        return name;
      });
    }
  }
  return { dag, most, begun };
}

describe("Lanes", () => {
  it.each(executors)("of a backend that is full hold up no other, under %s", async (executor) => {
    const { opened, open } = gate();
    const { dag, most, begun } = dagOf(opened);
    const run = dag.run({ mode: "hybrid", executor });
    await until(() => begun.length === 9);
    expect(begun.filter((name) => name.startsWith("one"))).toEqual(["one 0"]);
    open();
    const { nodes, status } = await run;
    expect(status).toBe("completed");
    expect(most).toMatchObject({ one: 1, two: 2, here: 4 });
    const places = Array.from(nodes.values(), ({ backend }) => backend);
    expect(places.slice(0, 3)).toEqual(["one", "two", "inline"]);
  });

  it.each<[RunOptions, number]>([
    [{ mode: "async", concurrency: 2 }, 2],
    [{ mode: "async", concurrency: 3, executor: "reactive" }, 3],
    [{ mode: "sequential" }, 1],
    [{ mode: "sequential", executor: "level" }, 1],
  ])("share one limit, and in sequence one order, in other modes: %o", async (options, limit) => {
    const { dag, most, begun } = dagOf(Promise.resolve());
    const { status } = await dag.run(options);
    expect(status).toBe("completed");
    expect(most.all).toBeLessThanOrEqual(limit);
    if (limit === 1) expect(begun).toEqual(dag.executionOrder);
  });

  it.each(executors)("keep what is most urgent first in each, under %s", async (executor) => {
    const dag = new Dag("urgent", { backends: { one, two } });
    const begun: string[] = [];
    const priorities = { a: "low", b: "critical", c: undefined, d: "high" } as const;
    for (const [name, priority] of Object.entries(priorities)) {
      for (const lane of ["one", "two"]) {
        dag.node(`${lane} ${name}`, { priority, backend: lane }, () => void begun.push(`${lane} ${name}`));
      }
    }
    await dag.run({ mode: "hybrid", executor });
    for (const lane of ["one", "two"]) {
      const order = begun.filter((name) => name.startsWith(lane)).map((name) => name.at(-1));
      expect(order).toEqual(["b", "d", "c", "a"]);
    }
  });

  it("give permits back when attempts are retried, time out or fail", async () => {
    const dag = new Dag("given back");
    dag.node("retried", { backend: one, retry: { retries: 2, delay: 0 } }, (ctx: { attempt: number }) => {
      if (ctx.attempt < 3) throw new Error("again");
      return "done";
    });
    dag.node("late", { backend: one, timeout: 5 }, () => new Promise(() => {}));
    dag.node("fails", { backend: one }, () => Promise.reject(new Error("no")));
    dag.node("last", { backend: one, after: ["retried", "late", "fails"] }, () => "last");
    const run = await dag.run({ mode: "hybrid", errorStrategy: "continue" });
    expect(run.outputs).toMatchObject({ last: "last" });
    expect(run.get("retried")).toBe("done");
    expect(run.nodes.get("late")?.error?.code).toBe("NODE_TIMEOUT");
  });
});
