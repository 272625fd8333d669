/** What may be said of runs of `mail`, and of their ledger, whatever has happened to those that executed them. */
import { expect } from "vitest";
import type { RunDetails, SqlStore } from "dagwright/store";
import type { Line } from "./chaos.js";
import { STAMPS } from "./mail.js";
import { sleep } from "./waiting.js";

/** The records of runs, as soon as all of them have ended. */
export async function ended(store: SqlStore, ids: readonly string[]): Promise<RunDetails[]> {
  const over = new Set<string>();
  while (over.size < ids.length) {
    await sleep(50);
    for (const runId of ids) {
      if (over.has(runId)) continue;
      const run = await store.getRun(runId);
      if (run !== undefined && ["completed", "failed", "cancelled"].includes(run.status)) over.add(runId);
      else break;
    }
  }
  return Promise.all(ids.map(async (runId) => (await store.getRun(runId)) as RunDetails));
}

/** Whoever asked for the results of a run's nodes got the same, and each is what one call has given. */
export function expectOneResultEach(runId: string, lines: readonly Line[], taken: string): void {
  const given = (call: string) =>
    lines.filter((line) => line.what === "return" && line.call.startsWith(`${call}:`)).map((line) => line.call);
  const called = (call: string) =>
    new Set(lines.filter((line) => line.what === "call" && line.call.startsWith(`${call}:`)).map((line) => line.call));
  const [weigh, label, ...stamps] = taken.split(",");
  expect(given("weigh"), runId).toContain(`weigh:${weigh}`);
  expect(called("label"), runId).toEqual(new Set([`label:${weigh}`]));
  expect(given("label"), runId).toContain(`label:${label}`);
  expect(stamps).toHaveLength(STAMPS.length);
  for (const stamp of STAMPS) expect(given(`stamp${stamp}`), runId).toContain(`stamp${stamp}:${stamps[stamp]}`);
  expect(new Set([...called("ship")].slice(-1)), runId).toEqual(new Set([`ship:${taken}`]));
}

/**
 * A node is called again only when the process that called it was killed, or its attempt has failed, as a process that
 * was not heard of counts as dead.
 */
export function expectNoneRepeated(node: string, lines: readonly Line[], failed: number): void {
  const calls = lines.filter(({ what, call }) => what === "call" && call.split(":")[0] === node);
  const killed = new Set(lines.filter(({ what }) => what === "kill").map(({ pid }) => pid));
  const repeated = calls.slice(0, -1).filter(({ pid }) => !killed.has(pid));
  expect(repeated.length, JSON.stringify(calls)).toBeLessThanOrEqual(failed);
}
