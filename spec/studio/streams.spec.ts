import { describe, expect, it } from "vitest";
import { Dag, PauseRun } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { allOf, eventsOf } from "../support/event-stream.js";
import { useStudios } from "../support/studios.js";

const serve = useStudios();

function chain(): Dag<any> {
  const dag = new Dag<any>("chain");
  dag.node("a", () => 1);
  dag.node("b", { needs: ["a"] }, (a: number) => a + 1);
  return dag;
}

describe("The stream of a run", () => {
  it("tells what is recorded, and goes on after the event that a browser has last seen", async () => {
    const store = sqliteStore(":memory:");
    await chain().run({ store, runId: "r" });
    const { ask } = await serve({ store });
    const all = await allOf(await ask("/api/events?run=r"));
    expect(all.map(({ event, data }) => (event === "run" ? data.type : event))).toEqual([
      "run.started",
      "attempt.started",
      "node.completed",
      "attempt.started",
      "node.completed",
      "run.finished",
      "end",
    ]);
    const headers = { "last-event-id": all[2].id as string };
    const rest = await allOf(await ask("/api/events?run=r", { headers }));
    expect(rest).toEqual(all.slice(3));
    await store.close();
  });

  it("tells what happens while it happens", async () => {
    const store = sqliteStore(":memory:");
    const dag = new Dag<any>("slow");
    let go = () => {};
    const gate = new Promise<void>((resolve) => (go = resolve));
    dag.node("first", () => 1);
    dag.node("second", { needs: ["first"] }, () => gate);
    const { ask } = await serve({ store });
    const running = dag.start({ store, runId: "r" });
    await running.recorded;
    const seen: string[] = [];
    for await (const { event, data } of eventsOf(await ask("/api/events?run=r"))) {
      seen.push(event === "run" ? `${data.type} ${data.node ?? ""}`.trim() : event);
      if (data.type === "attempt.started" && data.node === "second") go();
    }
    expect(seen.slice(-3)).toEqual(["node.completed second", "run.finished", "end"]);
    await running.result;
    await store.close();
  });

  it("is refused for a run that is not there", async () => {
    const { ask } = await serve();
    expect((await ask("/api/events?run=none")).status).toBe(404);
  });
});

describe("The stream of a list", () => {
  it("tells which runs are there, and then which have changed", { tags: "slow" }, async () => {
    const store = sqliteStore(":memory:");
    const dag = new Dag<any>("pausing");
    dag.node("ask", () => {
      throw new PauseRun("why?");
    });
    await chain().run({ store, runId: "old" });
    const { ask } = await serve({ store });
    const seen: string[][] = [];
    for await (const { data } of eventsOf(await ask("/api/events"))) {
      seen.push(data.runs.map(({ runId, status }: { runId: string; status: string }) => `${runId} ${status}`));
      if (seen.length === 1) await dag.run({ store, runId: "new" });
      if (seen.length === 2) await store.cancel("new");
      if (seen.length === 3) break;
    }
    expect(seen).toEqual([["old completed"], ["new paused"], ["new cancelled"]]);
    await store.close();
  });
});
