import { describe, expect, it } from "vitest";
import { Dag, type Context, type RunEvent } from "dagwright";
import { inner, outer } from "../support/nested-dags.js";
import { gate, turns } from "../support/waiting.js";

describe("The events of a run inside", () => {
  const summary = (event: RunEvent & { node?: string }) =>
    [event.type, event.runId, event.node, event.parent?.runId, event.parent?.node].filter((part) => part !== undefined);

  it("reach the outer run's observers, with their parent", async () => {
    const events: RunEvent[] = [];
    const run = await outer(outer(inner(() => 1))).run({ runId: "r", observers: [(event) => void events.push(event)] });
    expect(run.value).toBe(1);
    const started = events.filter(({ type }) => type === "attempt.started" || type.startsWith("run.")).map(summary);
    expect(started).toEqual([
      ["run.started", "r"],
      ["attempt.started", "r", "child"],
      ["run.started", "r/child", "r", "child"],
      ["attempt.started", "r/child", "child", "r", "child"],
      ["run.started", "r/child/child", "r/child", "child"],
      ["attempt.started", "r/child/child", "work", "r/child", "child"],
      ["attempt.started", "r/child/child", "after", "r/child", "child"],
      ["run.finished", "r/child/child", "r/child", "child"],
      ["attempt.started", "r/child", "end", "r", "child"],
      ["run.finished", "r/child", "r", "child"],
      ["attempt.started", "r", "end"],
      ["run.finished", "r"],
    ]);
  });

  it("also reach an observer that comes late", async () => {
    const started = gate();
    const go = gate();
    const dag = outer(
      outer(
        inner(async () => {
          started.open();
          await go.opened;
          return 1;
        }),
      ),
    );
    for (const mode of ["sequential", "async"] as const) {
      const handle = dag.start({ runId: "r", mode });
      await started.opened;
      const seen: unknown[] = [];
      const reading = (async () => {
        for await (const event of handle.events()) seen.push([event.type, event.runId]);
      })();
      await turns(3);
      go.open();
      await handle.result;
      await reading;
      expect(seen).toContainEqual(["node.completed", "r/child/child"]);
      expect(seen).toContainEqual(["run.finished", "r/child"]);
      expect(seen.at(-1)).toEqual(["run.finished", "r"]);
    }
  });

  it("don't count for onProgress", async () => {
    const told: { completed: number; total: number }[] = [];
    await outer(inner(() => 1)).run({ onProgress: (progress: any) => void told.push({ ...progress }) });
    expect(told.map(({ completed, total }) => [completed, total])).toEqual([
      [1, 2],
      [2, 2],
    ]);
  });

  it("of runs that ctx.run began have its node as parent", async () => {
    const dag = new Dag<any>("outer");
    dag.node(
      "call",
      async (ctx: Context) =>
        (
          await ctx.run(
            inner(() => 1),
            { key: "k" },
          )
        ).value,
    );
    const events: RunEvent[] = [];
    await dag.run({ runId: "r", observers: [(event) => void events.push(event)] });
    const own = events.filter(({ runId }) => runId === "r/call[k]");
    expect(own.length).toBeGreaterThan(4);
    expect(own.every(({ parent }) => parent!.runId === "r" && parent!.node === "call")).toBe(true);
  });
});
