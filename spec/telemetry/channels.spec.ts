import { AsyncLocalStorage } from "node:async_hooks";
import { channel, tracingChannel } from "node:diagnostics_channel";
import { afterEach, describe, expect, it } from "vitest";
import { Dag, Fsm, next, stop } from "dagwright";
import { failure } from "../support/waiting.js";

const PHASES = ["start", "end", "asyncStart", "asyncEnd", "error"] as const;
const undo: (() => void)[] = [];
afterEach(() => undo.splice(0).forEach((each) => each()));

/** What is told on the channels of runs, nodes and attempts. */
function listen(...levels: ("run" | "node" | "attempt")[]): [string, any][] {
  const told: [string, any][] = [];
  for (const level of levels) {
    const subscribers = Object.fromEntries(
      PHASES.map((phase) => [
        phase,
        (message: object) =>
          void told.push([`${level} ${phase} ${(message as any).node ?? ""}`.trim(), { ...message }]),
      ]),
    ) as never;
    tracingChannel(`dagwright:${level}`).subscribe(subscribers);
    undo.push(() => tracingChannel(`dagwright:${level}`).unsubscribe(subscribers));
  }
  return told;
}

describe("The tracing channels", () => {
  it("tell of runs, nodes and attempts, each within the other", async () => {
    const told = listen("run", "node", "attempt");
    const dag = new Dag("told");
    dag.node("load", async () => 1);
    const run = await dag.run({ runId: "r1" });
    expect(run.status).toBe("completed");
    expect(told.map(([what]) => what)).toEqual([
      "run start",
      "run end",
      "node start load",
      "node end load",
      "attempt start load",
      "attempt end load",
      "attempt asyncStart load",
      "attempt asyncEnd load",
      "node asyncStart load",
      "node asyncEnd load",
      "run asyncStart",
      "run asyncEnd",
    ]);
    const at = (what: string): unknown => told.find(([each]) => each === what)?.[1];
    expect(at("run start")).toEqual({ runId: "r1", workflow: "told" });
    expect(at("attempt start load")).toMatchObject({ runId: "r1", workflow: "told", node: "load", attempt: 1 });
    expect(at("attempt asyncEnd load")).toMatchObject({ status: "completed", result: 1 });
    expect(at("run asyncEnd")).toMatchObject({ status: "completed" });
  });

  it("tell of errors", async () => {
    const told = listen("attempt", "run");
    const dag = new Dag("bad");
    dag.node("fails", { retry: { retries: 1, delay: 0 } }, () => {
      throw new Error("no");
    });
    await failure(dag.run());
    expect(
      told.flatMap(([what, { attempt, error }]) => (what.includes("error") ? [[what, attempt, error.message]] : [])),
    ).toEqual([
      ["attempt error fails", 1, "no"],
      ["attempt error fails", 2, "no"],
      ["run error", undefined, expect.stringContaining("no")],
    ]);
  });

  it("tell of the states of an fsm, and of the items of a map", async () => {
    const told = listen("attempt");
    const fsm = new Fsm("machine");
    fsm.state("a", { initial: true, params: [] }, () => next("b", 1));
    fsm.state("b", { params: ["n"] }, (n: number) => stop(n));
    await fsm.run();
    const dag = new Dag("mapping");
    dag.node("list", () => [1, 2]);
    dag.map("each", { needs: ["list"] }, (n: number) => n);
    await dag.run();
    const starts = told.filter(([what]) => what.includes("attempt start"));
    expect(starts.map(([, { node, item }]) => [node, item])).toEqual([
      ["a", undefined],
      ["b", undefined],
      ["list", undefined],
      ["each", 0],
      ["each", 1],
    ]);
  });

  it("carry what is bound to them into functions, and beyond their awaits", async () => {
    const storage = new AsyncLocalStorage<string>();
    for (const level of ["run", "node", "attempt"]) {
      const start = channel(`tracing:dagwright:${level}:start`);
      start.bindStore(storage as never, (message: any) =>
        [storage.getStore(), `${level} ${message.node ?? message.workflow}`].filter(Boolean).join(" > "),
      );
      undo.push(() => start.unbindStore(storage as never));
    }
    const inner = new Dag("inner");
    inner.node("deep", async () => {
      await Promise.resolve();
      return storage.getStore();
    });
    const outer = new Dag("outer");
    outer.node("check", { retry: { retries: 1, delay: 0 } }, inner);
    const { value } = await outer.run();
    expect(value).toBe("run outer > node check > attempt check > run inner > node deep > attempt deep");
  });

  it("tell nothing of runs that began before anybody subscribed", async () => {
    const dag = new Dag("early");
    let told: [string, any][] = [];
    dag.node("first", () => void (told = listen("run", "node", "attempt")));
    dag.node("second", { needs: ["first"] }, () => 1);
    await dag.run();
    expect(told).toEqual([]);
  });
});
