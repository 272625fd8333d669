import { afterEach, describe, expect, it, vi } from "vitest";
import { Dag, type ExecutorName, type RunOptions } from "dagwright";
import { placeNodes } from "../support/placed.js";
import { UserBackend } from "../support/user-backend.js";
import { gate, until } from "../support/waiting.js";

const one = new UserBackend("one", 1);
const two = new UserBackend("two", 2);
const executors: ExecutorName[] = ["workQueue", "level", "reactive"];
afterEach(() => void vi.restoreAllMocks());

/** Four nodes for each of the backends `one`, `two` and inline. Those of `one` are held until they are let go. */
function dagOf(hold: Promise<void>) {
  const dag = new Dag("lanes");
  const inFlight: Record<string, number> = { one: 0, two: 0, here: 0 };
  const most: Record<string, number> = { ...inFlight, all: 0 };
  const begun: string[] = [];
  for (let i = 0; i < 4; i++) {
    for (const name of ["one", "two", "here"]) {
      dag.node(`${name} ${i}`, { backend: name === "here" ? "inline" : "thread" }, async () => {
        begun.push(`${name} ${i}`);
        most[name] = Math.max(most[name], ++inFlight[name]);
        most.all = Math.max(most.all, inFlight.one + inFlight.two + inFlight.here);
        await (name === "one" ? hold : new Promise((resolve) => setImmediate(resolve)));
        inFlight[name]--;
        return name;
      });
    }
  }
  placeNodes(({ name }) => [one, two].find((backend) => name.startsWith(backend.name)));
  return { dag, most, begun };
}

describe("Lanes", () => {
  it.each(executors)("of a backend that is full hold up no other, under %s", async (executor) => {
    const { opened, open } = gate();
    const { dag, most, begun } = dagOf(opened);
    const run = dag.run({ mode: "parallel", executor });
    await until(() => begun.length === 9);
    expect(begun.filter((name) => name.startsWith("one"))).toEqual(["one 0"]);
    open();
    const { nodes, status } = await run;
    expect(status).toBe("completed");
    expect(most).toMatchObject({ one: 1, two: 2, here: 4 });
    const places = Array.from(nodes.values(), ({ backend }) => backend as string);
    expect(places.slice(0, 3)).toEqual(["one", "two", "inline"]);
  });

  it.each<[RunOptions, number]>([
    [{ mode: "async", concurrency: 2 }, 2],
    [{ mode: "async", concurrency: 3, executor: "reactive" }, 3],
    [{ mode: "sequential" }, 1],
    [{ mode: "sequential", executor: "level" }, 1],
  ])("share one limit and one order in other modes: %o", async (options, limit) => {
    const { dag, most, begun } = dagOf(Promise.resolve());
    const { status } = await dag.run(options);
    expect(status).toBe("completed");
    expect(most.all).toBeLessThanOrEqual(limit);
    if (limit === 1) expect(begun).toEqual(dag.executionOrder);
  });

  it.each(executors)("keep what is most urgent first in each, under %s", async (executor) => {
    const dag = new Dag("urgent");
    const begun: string[] = [];
    const priorities = { a: "low", b: "critical", c: undefined, d: "high" } as const;
    for (const [name, priority] of Object.entries(priorities)) {
      for (const lane of ["one", "two"]) {
        dag.node(`${lane} ${name}`, { priority, backend: "thread" }, () => void begun.push(`${lane} ${name}`));
      }
    }
    placeNodes(({ name }) => [one, two].find((backend) => name.startsWith(backend.name)));
    await dag.run({ mode: "parallel", executor });
    for (const lane of ["one", "two"]) {
      const order = begun.filter((name) => name.startsWith(lane)).map((name) => name.at(-1));
      expect(order).toEqual(["b", "d", "c", "a"]);
    }
  });

  it("give permits back when attempts are retried, time out or fail", async () => {
    const dag = new Dag("given back");
    dag.node("retried", { backend: "thread", retry: { retries: 2, delay: 0 } }, (ctx: { attempt: number }) => {
      if (ctx.attempt < 3) throw new Error("again");
      return "done";
    });
    dag.node("late", { backend: "thread", timeout: 5 }, () => new Promise(() => {}));
    dag.node("fails", { backend: "thread" }, () => Promise.reject(new Error("no")));
    dag.node("last", { backend: "thread", after: ["retried", "late", "fails"] }, () => "last");
    placeNodes(() => one);
    const run = await dag.run({ mode: "parallel", errorStrategy: "continue" });
    expect(run.outputs).toMatchObject({ last: "last" });
    expect(run.get("retried")).toBe("done");
    expect(run.nodes.get("late")?.error?.code).toBe("NODE_TIMEOUT");
  });
});
