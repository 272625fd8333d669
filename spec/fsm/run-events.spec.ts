import { describe, expect, it } from "vitest";
import { Fsm, type RunEvent, Scheduler } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { fails } from "../support/failing.js";
import { pingPong } from "../support/ping-pong.js";
import { failure } from "../support/waiting.js";

describe("Events of a run", () => {
  it("come in order, with the cycle", async () => {
    const events: RunEvent[] = [];
    await pingPong(1).run({ runId: "r", observers: [(event) => events.push(event)] });
    expect(events.map(({ type, ...rest }) => [type, "cycle" in rest ? rest.cycle : undefined])).toEqual([
      ["run.started", undefined],
      ["state.entered", 0],
      ["attempt.started", undefined],
      ["node.completed", undefined],
      ["state.left", 0],
      ["state.entered", 1],
      ["attempt.started", undefined],
      ["node.completed", undefined],
      ["state.left", 1],
      ["run.finished", undefined],
    ]);
    expect(events[4]).toMatchObject({ runId: "r", node: "ping", value: 1, to: "pong" });
    expect(events[8]).toMatchObject({ node: "pong", to: undefined });
  });

  it.each([
    ["", {}],
    [" under a scheduler", { scheduler: new Scheduler() }],
    [" in a recorded run", { store: sqliteStore(":memory:") }],
    [" with hooks", { hooks: {} }],
  ])("include a failed attempt once%s", async (_, options) => {
    const types: string[] = [];
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, fails);
    await failure(fsm.run({ ...options, observers: [({ type }) => types.push(type)] }));
    expect(types).toEqual([
      "run.started",
      "state.entered",
      "attempt.started",
      "attempt.failed",
      "node.failed",
      "run.finished",
    ]);
  });
});
