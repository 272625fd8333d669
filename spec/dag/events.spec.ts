import { describe, expect, it, vi } from "vitest";
import { Dag, type CancelledError, type Context, type RunEvent } from "dagwright";
import { boom, fails, statuses } from "../support/failing.js";

describe("Dag › events", () => {
  it("tell all that happens, in order", async () => {
    const events: RunEvent[] = [];
    const dag = new Dag("d");
    dag.node("a", (ctx: Context) => {
      ctx.progress(0.5, "half");
      ctx.log("done");
      return 1;
    });
    dag.node("b", { needs: ["a"], errorStrategy: "continue" }, fails);
    dag.node("c", { needs: ["b"] }, (x: unknown) => x);
    const before = Date.now();
    const run = await dag.run({ observers: [(event) => void events.push(event)] });
    const after = Date.now();
    expect(events.map((event) => [event.type, "node" in event ? event.node : undefined])).toEqual([
      ["run.started", undefined],
      ["node.ready", "a"],
      ["attempt.started", "a"],
      ["node.progress", "a"],
      ["node.log", "a"],
      ["node.completed", "a"],
      ["node.ready", "b"],
      ["attempt.started", "b"],
      ["attempt.failed", "b"],
      ["node.failed", "b"],
      ["node.skipped", "c"],
      ["run.finished", undefined],
    ]);
    expect(events[3]).toMatchObject({ fraction: 0.5, message: "half", attempt: 1 });
    for (const event of events) {
      expect(event.runId).toBe(run.runId);
      // Clocks of a process differ by fractions of a ms.
      expect(event.at).toBeGreaterThan(before - 1);
      expect(event.at).toBeLessThan(after + 1);
    }
  });

  it("keep a node from being called whose start made an observer abort the run", async () => {
    for (const options of [{}, { retry: 1 }]) {
      const dag = new Dag("d");
      dag.node("a", () => 1);
      dag.node("b", { needs: ["a"], ...options }, () => expect.unreachable());
      const abort = new AbortController();
      const observe = (event: RunEvent) => {
        if (event.type === "attempt.started" && event.node === "b") abort.abort();
      };
      const error = await dag.run({ observers: [observe], signal: abort.signal }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "CANCELLED" });
      expect(statuses((error as CancelledError).run!)).toEqual({ a: "completed", b: "cancelled" });
    }
  });

  it("survive observers that throw or reject, and warn of them", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const dag = new Dag("d");
    dag.node("a", () => 1);
    const late: string[] = [];
    const observers = [
      () => {
        throw boom;
      },
      () => Promise.reject(boom) as never,
      (event: RunEvent) => void late.push(event.type),
    ];
    expect((await dag.run({ observers })).value).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(late).toHaveLength(5);
    const expected = late.flatMap((type) => Array(2).fill(`An observer threw on "${type}": boom`) as string[]);
    expect(warned.mock.calls.map(([message]) => message).sort()).toEqual(expected.sort());
    warned.mockRestore();
  });
});
