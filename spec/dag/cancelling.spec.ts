import { describe, expect, it, vi } from "vitest";
import { CancelledError, Dag, NodeTimeoutError, RunTimeoutError, type Context } from "dagwright";
import { fails, statuses } from "../support/failing.js";
import { gate, never, until } from "../support/waiting.js";

const sleep = (ms: number, signal?: AbortSignal) =>
  new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)));
  });

describe("Dag › time and cancellation", () => {
  it("aborts a run by its signal, at once, whatever the nodes do", async () => {
    const controller = new AbortController();
    const dag = new Dag("d");
    let began = Infinity;
    dag.node("quick", () => 1);
    dag.node("deaf", () => {
      began = performance.now();
      return never();
    });
    dag.node("next", { needs: ["deaf"] }, (x: unknown) => x);
    const running = dag.run({ mode: "async", signal: controller.signal });
    running.catch(() => {});
    await until(() => performance.now() > began + 5);
    controller.abort("enough");
    const error = (await running.catch((e: unknown) => e)) as CancelledError;
    expect(error).toBeInstanceOf(CancelledError);
    expect(error).toMatchObject({ code: "CANCELLED", cause: "enough" });
    expect(error.run.status).toBe("cancelled");
    expect(statuses(error.run)).toEqual({ quick: "completed", deaf: "cancelled", next: "cancelled" });
    expect(error.run.nodes.get("deaf")!.duration).toBeGreaterThan(3);
    expect(error.run.nodes.get("next")).toMatchObject({ startedAt: undefined, duration: undefined });
  });

  it("starts nothing when the signal has aborted already, and listens no longer when it is over", async () => {
    const fn = vi.fn();
    const dag = new Dag("d");
    dag.node("a", { params: [] }, fn);
    await expect(dag.run({ signal: AbortSignal.abort() })).rejects.toThrow(CancelledError);
    expect(fn).not.toHaveBeenCalled();
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, "addEventListener");
    const removed = vi.spyOn(signal, "removeEventListener");
    for (let i = 0; i < 3; i++) await dag.run({ signal });
    expect(removed.mock.calls.map(([, listener]) => listener)).toEqual(
      added.mock.calls.map(([, listener]) => listener),
    );
  });

  it("obeys an abort from inside a node, synchronous or not", async () => {
    for (const mode of ["sequential", "async"] as const) {
      const controller = new AbortController();
      const dag = new Dag("d");
      dag.node("a", () => controller.abort());
      dag.node("b", { after: ["a"] }, () => 1);
      const error = (await dag.run({ mode, signal: controller.signal }).catch((e: unknown) => e)) as CancelledError;
      expect(statuses(error.run)).toEqual({ a: "cancelled", b: "cancelled" });
    }
  });

  it("ends a run at its timeout with status failed", async () => {
    const dag = new Dag("d");
    dag.node("deaf", never);
    const error = (await dag.run({ timeout: 5 }).catch((e: unknown) => e)) as RunTimeoutError;
    expect(error).toBeInstanceOf(RunTimeoutError);
    expect(error.message).toMatch(/timeout of 5 ms/u);
    expect(error.run.status).toBe("failed");
    expect(statuses(error.run)).toEqual({ deaf: "cancelled" });
  });

  it("starts no further synchronous node once its timeout is over", async () => {
    const dag = new Dag("d");
    const ran: string[] = [];
    for (const name of ["a", "b", "c"]) {
      dag.node(name, () => {
        ran.push(name);
        for (const end = performance.now() + 120; performance.now() < end;);
      });
    }
    await expect(dag.run({ timeout: 180 })).rejects.toThrow(RunTimeoutError);
    expect(ran).not.toContain("c");
    ran.length = 0;
    expect(() => dag.runSync({ timeout: 100 })).toThrow(RunTimeoutError);
    expect(ran).not.toContain("b");
  });

  it("ends an attempt at its node's timeout, with that reason on its signal", async () => {
    let reason: unknown;
    const dag = new Dag("d");
    dag.node("slow", { timeout: 5 }, async (ctx: Context) => {
      await sleep(1000, ctx.signal).catch((error: unknown) => (reason = error));
      return "late";
    });
    const error = (await dag.run().catch((e: unknown) => e)) as NodeTimeoutError;
    expect(error).toBeInstanceOf(NodeTimeoutError);
    expect(error).toMatchObject({ code: "NODE_TIMEOUT", node: "slow", attempt: 1 });
    await sleep(1);
    expect(reason).toBe(error);
    expect(error.run.has("slow")).toBe(false);
  });

  it("holds synchronous functions to their timeout too, as soon as they return", () => {
    const dag = new Dag("d");
    let signal: AbortSignal | undefined;
    dag.node("spins", { timeout: 2 }, (ctx: Context) => {
      ({ signal } = ctx);
      for (const end = performance.now() + 6; performance.now() < end;);
    });
    expect(() => dag.runSync()).toThrow(NodeTimeoutError);
    expect(signal?.reason).toBeInstanceOf(NodeTimeoutError);
    dag.removeNode("spins");
    dag.node("spins", () => {
      for (const end = performance.now() + 6; performance.now() < end;);
    });
    dag.node("next", { after: ["spins"] }, () => 1);
    expect(() => dag.runSync({ timeout: 2 })).toThrow(RunTimeoutError);
  });

  it("handles the rejection of what it gave up", async () => {
    const unhandled = vi.fn();
    process.on("unhandledRejection", unhandled);
    const dag = new Dag("d");
    const { opened, open } = gate();
    dag.node("late", () => opened.then(fails));
    dag.node("late2", { timeout: 60_000 }, () => opened.then(fails));
    await expect(dag.run({ mode: "async", timeout: 2 })).rejects.toThrow(RunTimeoutError);
    open();
    await sleep(5);
    process.off("unhandledRejection", unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it("cancels and pauses a started run", async () => {
    const dag = new Dag("d");
    const first = gate();
    const { opened, open } = gate();
    dag.node("a", () => (first.open(), opened.then(() => 1)));
    const begun = gate();
    dag.node("b", { needs: ["a"] }, () => (begun.open(), never()));
    const started = dag.start({ runId: "mine" });
    expect(started.runId).toBe("mine");
    await first.opened;
    const pausing = started.pause();
    open();
    const paused = await pausing;
    expect(paused.status).toBe("paused");
    expect(statuses(paused)).toEqual({ a: "completed", b: "ready" });
    const other = dag.start();
    await begun.opened;
    const partial = await other.cancel("why");
    expect(partial.status).toBe("cancelled");
    expect(partial.get("a")).toBe(1);
    await expect(other.result).rejects.toThrow(/why/u);
    expect(await other.cancel()).toBe(partial);
  });

  it("is completed when it is paused with nothing left to do", async () => {
    const dag = new Dag("d");
    const begun = gate();
    const { opened, open } = gate();
    dag.node("a", () => (begun.open(), opened));
    const handle = dag.start();
    await begun.opened;
    const pausing = handle.pause();
    open();
    expect((await pausing).status).toBe("completed");
  });

  it.each(["sequential", "async"] as const)(
    "runs no node when it is told to end in the turn of start (%s)",
    async (mode) => {
      const ran = vi.fn(() => 1);
      const dag = new Dag("d");
      dag.node("a", ran);
      dag.node("b", { needs: ["a"] }, ran);
      const paused = dag.start({ mode }).pause();
      const cancelled = dag.start({ mode });
      cancelled.result.catch(() => {});
      const ended = cancelled.cancel();
      const aborts = new AbortController();
      const aborted = dag.start({ mode, signal: aborts.signal });
      aborts.abort();
      expect((await paused).status).toBe("paused");
      expect((await ended).status).toBe("cancelled");
      await expect(aborted.result).rejects.toThrow(CancelledError);
      expect(ran).not.toHaveBeenCalled();
    },
  );
});
