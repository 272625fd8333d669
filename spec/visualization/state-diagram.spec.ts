import { instance } from "@viz-js/viz";
import { describe, expect, it } from "vitest";
import { createActor, createMachine } from "xstate";
import { Fsm, next, stop } from "dagwright";

const NASTY = [
  'say "hi"',
  "a-->b",
  "[*]",
  "x]y[z : w",
  "<script>",
  "back\\slash",
  "two\nlines",
  "`{}|;#&%",
  "日本",
  "state",
];

function sample(): Fsm {
  const fsm = new Fsm('my "fsm"', { errorState: "failed" });
  fsm.state("idle", { initial: true, to: ["busy"], description: "waits" }, () => next("busy", 1));
  fsm.state("busy", { to: ["busy", "done", "idle"] }, (n: number) => (n < 3 ? next("busy", n + 1) : n));
  fsm.state("done", { terminal: true }, () => stop());
  fsm.state("failed", { terminal: true }, () => stop());
  fsm.addTransition("busy", "done", (n: number) => n === 3);
  fsm.addTransition("busy", "idle");
  return fsm;
}

describe("Fsm › toMermaid", () => {
  it("draws states, declared transitions, the initial state and the terminal states", () => {
    expect(sample().toMermaid()).toBe(
      [
        "stateDiagram-v2",
        "  direction TB",
        '  state "idle" as s0',
        '  state "busy" as s1',
        '  state "done" as s2',
        '  state "failed" as s3',
        "  [*] --> s0",
        "  s0 --> s1",
        "  s1 --> s1",
        "  s1 --> s2 : when",
        "  s1 --> s0 : default",
        "  s0 --> s3 : error",
        "  s1 --> s3 : error",
        "  s2 --> s3 : error",
        "  s2 --> [*]",
        "  s3 --> [*]",
        "",
      ].join("\n"),
    );
  });

  it("colours a run and counts visits", async () => {
    const fsm = sample();
    const text = fsm.toMermaid({ run: await fsm.run(), direction: "LR" });
    expect(text).toContain("direction LR");
    expect(text).toContain('state "busy (3)" as s1');
    expect(text).toContain('state "failed (0)" as s3');
    expect(text).toMatch(/class s0,s1,s2 completed/u);
    expect(text).toMatch(/class s3 pending/u);
  });

  it("keeps names inside their labels", () => {
    const fsm = new Fsm("nasty");
    for (const name of NASTY) fsm.state(name, () => 1);
    const lines = fsm.toMermaid().trimEnd().split("\n").slice(2);
    expect(lines).toHaveLength(NASTY.length);
    for (const line of lines) expect(line).toMatch(/^ {2}state "[\p{L}\p{N} _.,:+\-/()#;]*" as s\d+$/u);
  });
});

describe("Fsm › toDot", () => {
  it("is drawn by Graphviz, whatever the names", async () => {
    const viz = await instance();
    const fsm = sample();
    for (const name of NASTY) fsm.state(name, () => 1);
    const { objects, edges } = JSON.parse(viz.renderString(fsm.toDot({ run: fsm.runSync() }), { format: "json" })) as {
      objects: { label: string }[];
      edges: unknown[];
    };
    const labels = objects.map(({ label }) => label);
    expect(labels.slice(1, 5)).toEqual(["idle (1)", "busy (3)", "done (1)", "failed (0)"]);
    expect(labels).toHaveLength(5 + NASTY.length);
    expect(edges.length).toBeGreaterThanOrEqual(7);
  });
});

describe("Fsm › toXState", () => {
  it("is a config that XState loads and runs", () => {
    const fsm = sample();
    for (const name of ["#hash", "with space"]) fsm.state(name, { to: ["done"] }, () => next("done"));
    const actor = createActor(createMachine(fsm.toXState() as never)).start();
    const now = () => actor.getSnapshot().value as unknown;
    expect(now()).toBe("idle");
    actor.send({ type: "busy" } as never);
    expect(now()).toBe("busy");
    actor.send({ type: "nonsense" } as never);
    expect(now()).toBe("busy");
    actor.send({ type: "idle" } as never);
    actor.send({ type: "error" } as never);
    expect(now()).toBe("failed");
    expect(actor.getSnapshot().status).toBe("done");
  });

  it("keeps descriptions and marks final states", () => {
    const { id, initial, states } = sample().toXState();
    expect([id, initial]).toEqual(['my "fsm"', "idle"]);
    expect(states.idle.description).toBe("waits");
    expect(states.done).toEqual({ id: "s2", type: "final" });
  });
});
