import { execFileSync } from "node:child_process";
import { pbkdf2Sync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi, type MockInstance } from "vitest";
import { CancelledError, ThreadPool } from "dagwright";
import { hashing, newFlag, next, opening } from "../support/stuck.js";
import { failure, sleep, until } from "../support/waiting.js";

const folder = mkdtempSync(join(tmpdir(), "dagwright-stuck-"));
const pipe = join(folder, "pipe");
/** Windows has no named pipes among its files. */
const hasPipes = process.platform !== "win32";
beforeAll(() => void (hasPipes && execFileSync("mkfifo", [pipe])));
afterAll(() => rmSync(folder, { recursive: true }));

const raised = (flag: Int32Array) => until(() => Atomics.load(flag, 0) === 1);

describe("A thread that is stuck in native code", () => {
  let warned: MockInstance<typeof process.emitWarning>;
  beforeEach(() => {
    warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
  });
  afterEach(() => void warned.mockRestore());
  const stuck = (node: string) => [
    `A worker thread does not end because it is stuck in native code; its last task was ${node}. ` +
      `Until it ends, it counts as one of the 1 threads of its pool.`,
    "DagwrightWorkerWarning",
  ];

  it.runIf(hasPipes)(
    "counts as a thread of its pool until it ends: nodes wait for that, and a warning names its node",
    async () => {
      const pool = new ThreadPool({ maxWorkers: 1 });
      const [flag, nextFlag] = [newFlag(), newFlag()];
      const controller = new AbortController();
      const { signal } = controller;
      const aborted = failure(opening.run({ mode: "parallel", pool, signal, inputs: { pipe, flag } }));
      await raised(flag);
      controller.abort();
      expect(await aborted).toBeInstanceOf(CancelledError);
      const waiting = next.run({ mode: "parallel", pool, inputs: { flag: nextFlag } });
      await until(() => warned.mock.calls.length > 0);
      await sleep(200);
      expect(Atomics.load(nextFlag, 0)).toBe(0);
      writeFileSync(pipe, "");
      expect((await waiting).value).toBe(false);
      await pool.close();
      expect(warned.mock.calls).toEqual([stuck('node "opens" of "opening"')]);
    },
  );

  it("does not keep its pool from closing", async () => {
    const pool = new ThreadPool({ maxWorkers: 1 });
    const flag = newFlag();
    const before = process.cpuUsage();
    pbkdf2Sync("password", "salt", 100_000, 64, "sha512");
    // So many take at least 2.5 s.
    const iterations = Math.ceil((100_000 * 2_500_000) / process.cpuUsage(before).user);
    const options = { mode: "parallel", pool, errorStrategy: "continue" } as const;
    const run = hashing.run({ ...options, inputs: { iterations, flag } });
    await raised(flag);
    await pool.close();
    expect(warned.mock.calls).toEqual([stuck('node "hashes" of "hashing"')]);
    expect((await run).errors[0].message).toContain("its pool was closed");
  });
});
