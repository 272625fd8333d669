import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { BackendError, CancelledError, ExecutionError, ThreadPool, type RunResult } from "dagwright";
import { release, newBoard, newGauge, wide, WIDTH, type Script } from "../support/wide.js";
import { sleep, until } from "../support/waiting.js";

const one = new ThreadPool({ maxWorkers: 1 });
const two = new ThreadPool({ maxWorkers: 2 });
afterAll(() => Promise.all([one.close(), two.close()]));

const callsOf = (board: Int32Array) => Array.from(board);
const nodes = Array.from({ length: WIDTH }, (_, i) => i);
const statusesOf = (run: RunResult<any>) => nodes.map((i) => run.nodes.get(`n${i}`)?.status);

function start(pool: ThreadPool, script: Script, options = {}, gauge = newGauge()) {
  const board = newBoard();
  const run = wide.start({ mode: "parallel", pool, inputs: { gauge, board, script }, ...options });
  return { run, board, gauge };
}

describe("Nodes that wait for a thread", () => {
  it("are not called after a failure under failFast", async () => {
    for (const failing of [0, 1, 2, 5, 11, 20]) {
      const { run, board } = start(one, { fail: [failing] });
      const error = await run.result.catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ExecutionError);
      await sleep(20);
      expect(callsOf(board)).toEqual(nodes.map((i) => (i <= failing ? 1 : 0)));
      const { run: partial } = error as { run: RunResult };
      expect(statusesOf(partial)).toEqual(
        nodes.map((i) => (i < failing ? "completed" : i === failing ? "failed" : "cancelled")),
      );
    }
  });

  it("run once each although others fail or crash, and never more at once than there are threads", async () => {
    const some = fc.uniqueArray(fc.integer({ min: 0, max: WIDTH - 1 }), { maxLength: 6 });
    const crashes = fc.uniqueArray(fc.integer({ min: 0, max: WIDTH - 1 }), { maxLength: 2 });
    const pools = fc.constantFrom(one, two);
    const executors = fc.constantFrom("workQueue", "level", "reactive");
    await fc.assert(
      fc.asyncProperty(some, crashes, pools, executors, async (fail, exit, pool, executor) => {
        const { run, board, gauge } = start(pool, { fail, exit }, { errorStrategy: "continue", executor });
        const result = await run.result;
        expect(callsOf(board)).toEqual(nodes.map(() => 1));
        expect(statusesOf(result)).toEqual(
          nodes.map((i) => (fail.includes(i) || exit.includes(i) ? "failed" : "completed")),
        );
        for (const i of nodes) if (result.has(`n${i}`)) expect(result.get(`n${i}`)).toBe(i);
        expect(gauge[1]).toBeLessThanOrEqual(pool.maxWorkers);
      }),
      { numRuns: 10 },
    );
  });

  it("are not called after their run is paused", async () => {
    for (const count of [1, 4, 12]) {
      const { run, board, gauge } = start(one, { isHeld: true });
      release(gauge, count);
      await until(() => callsOf(board).filter(Boolean).length === count + 1);
      const paused = run.pause();
      release(gauge, WIDTH);
      const result = await paused;
      await sleep(20);
      expect(result.status).toBe("paused");
      const calls = callsOf(board);
      expect(calls.filter(Boolean)).toHaveLength(count + 1);
      expect(statusesOf(result)).toEqual(calls.map((count) => (count === 1 ? "completed" : "ready")));
      expect(calls.every((count, i) => count === 1 || calls.slice(i).every((later) => later === 0))).toBe(true);
    }
  });

  it("are not called after one of them has paused the run", async () => {
    for (const pausing of [0, 1, 4, 5, 13]) {
      const { run, board } = start(one, { pause: [pausing] });
      const result = await run.result;
      await sleep(20);
      expect(result.status).toBe("paused");
      expect(callsOf(board)).toEqual(nodes.map((i) => (i <= pausing ? 1 : 0)));
      expect(statusesOf(result)).toEqual(
        nodes.map((i) => (i < pausing ? "completed" : i === pausing ? "paused" : "ready")),
      );
    }
  });

  it("are not called after their run is aborted", async () => {
    for (const count of [1, 6]) {
      const abort = new AbortController();
      const { run, board, gauge } = start(two, { isHeld: true }, { signal: abort.signal });
      release(gauge, count);
      await until(() => callsOf(board).filter(Boolean).length === count + 2);
      abort.abort();
      release(gauge, WIDTH);
      await expect(run.result).rejects.toBeInstanceOf(CancelledError);
      await sleep(20);
      expect(callsOf(board).filter(Boolean)).toHaveLength(count + 2);
    }
  });

  it("share the pool's threads with those of other runs", async () => {
    const gauge = newGauge();
    const all = [{}, { fail: [3, 4] }, { exit: [7] }, {}, { fail: [0] }].map((script: Script) => {
      return { script, ...start(two, { spin: 1, ...script }, { errorStrategy: "continue" }, gauge) };
    });
    for (const { run, board, script } of all) {
      const result = await run.result;
      expect(result.status).toBe(script.fail === undefined && script.exit === undefined ? "completed" : "failed");
      expect(callsOf(board)).toEqual(nodes.map(() => 1));
    }
    expect(gauge[1]).toBeLessThanOrEqual(2);
  });

  it("have not started: their durations do not include the wait", async () => {
    await start(one, {}).run.result;
    const result = await start(one, { spin: 10 }).run.result;
    const { total, nodes: times } = result.metrics;
    const sum = Object.values(times).reduce((a, b) => a + b, 0);
    expect(sum).toBeGreaterThan(WIDTH * 9);
    expect(sum).toBeLessThan(total * 1.1);
    const spans = result.timeline();
    for (let i = 1; i < spans.length; i++) {
      expect(spans[i].start).toBeGreaterThan(spans[i - 1].start + spans[i - 1].duration - 0.01);
    }
  });

  it("fail when their pool closes", async () => {
    const own = new ThreadPool({ maxWorkers: 1 });
    const gauge = newGauge();
    release(gauge, 5);
    const runs = [1, 2, 3].map(() => start(own, { isHeld: true }, { errorStrategy: "continue" }, gauge));
    await until(() => runs.flatMap(({ board }) => callsOf(board)).filter(Boolean).length === 6);
    const closed = own.close();
    const results = await Promise.all(runs.map(({ run }) => run.result));
    await closed;
    for (const result of results) {
      expect(result.status).toBe("failed");
      expect(result.errors.length).toBeGreaterThan(0);
      expect(result.errors.every((error) => error instanceof BackendError)).toBe(true);
      expect(statusesOf(result).every((status) => status === "completed" || status === "failed")).toBe(true);
    }
  });
});
