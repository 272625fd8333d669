import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sqliteStore } from "dagwright/store";
import { bundled } from "../support/bundled.js";
import type { Effect } from "../support/crashing.js";
import { sleep } from "../support/waiting.js";

/** The minimum number of processes to kill. */
const KILLS = 100;

const script = bundled("crashing");
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dagwright-crash-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Child {
  readonly process: ChildProcess;
  readonly ready: Promise<void>;
  /** Its output after it was ready, and its exit code; null if it was killed. */
  readonly ended: Promise<{ said: any; code: number | null; errors: string }>;
}

function start(task: string, database: string, ledger: string, ...rest: string[]): Child {
  const child = spawn(process.execPath, [script, task, database, ledger, ...rest]);
  let output = "";
  let errors = "";
  let isReady = () => {};
  const ready = new Promise<void>((resolve) => (isReady = resolve));
  child.stderr.on("data", (data) => (errors += data));
  child.stdout.on("data", (data) => {
    output += data;
    if (output.includes("\n")) isReady();
  });
  const ended = new Promise<{ said: any; code: number | null; errors: string }>((resolve) =>
    child.on("close", (code) => {
      isReady();
      const [, said = ""] = output.split("\n");
      resolve({ said: said === "" ? undefined : JSON.parse(said), code, errors });
    }),
  );
  return { process: child, ready, ended };
}

/** The lines of a ledger as [run, node, token]. */
const read = (ledger: string) =>
  readFileSync(ledger, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.match(/^(.+) (\S+) (\S+)$/u)!.slice(1) as [string, string, string]);

/** The number of times a node has been called. */
const effects = (ledger: string, node: string) =>
  existsSync(ledger) ? read(ledger).filter(([, name]) => name === node).length : 0;

const until = async (condition: () => boolean) => {
  while (!condition()) await sleep(10);
};

describe("When a driver is killed", () => {
  let kills = 0;
  let number = 0;

  /** Drives a run to its end, killing its drivers at random moments. */
  async function driveThroughKills(mode: string): Promise<void> {
    const id = number++;
    const database = join(folder, `${id}.db`);
    const ledger = join(folder, `${id}.ledger`);
    for (let round = 1; ; round++) {
      const child = start("drive", database, ledger, `run${id}`, mode);
      await child.ready;
      // The moments get later from round to round, so that every run ends, even on a slow machine.
      const timer = setTimeout(() => child.process.kill("SIGKILL"), Math.random() * 40 * round);
      const { said, code, errors } = await child.ended;
      clearTimeout(timer);
      if (code === null) {
        kills++;
        continue;
      }
      expect(errors.replace(/.*ExperimentalWarning[^]*$/u, "")).toBe("");
      expect(said.status).toBe("completed");
      return check(said.results, ledger);
    }
  }

  function check(results: Record<string, Effect>, ledger: string): void {
    const lines = read(ledger);
    const nodes = Object.keys(results);
    expect(nodes.length).toBe(60);
    for (const node of nodes) {
      const tokens = lines.filter(([, name]) => name === node).map(([, , token]) => token);
      expect(tokens.length).toBeGreaterThanOrEqual(1);
      // The committed effect is one that took place, and the same for all nodes that took it.
      expect(tokens.filter((token) => token === results[node].token).length).toBe(1);
    }
    const committed = new Set(nodes.map((node) => results[node].token));
    for (const { took } of Object.values(results)) for (const token of took) expect(committed).toContain(token);
  }

  it(`the next one completes its run: after ${KILLS} kills, every effect is in the results exactly once`, async () => {
    const drive = async (mode: string) => {
      while (kills < KILLS) await driveThroughKills(mode);
    };
    await Promise.all([drive("sequential"), drive("async")]);
    expect(kills).toBeGreaterThanOrEqual(KILLS);
  }, 600_000);

  it("a process that waits until its leases expire recovers all of its runs", async () => {
    const database = join(folder, "restarted.db");
    const ledger = join(folder, "restarted.ledger");
    const first = start("begin", database, ledger);
    await first.ready;
    await until(() => effects(ledger, "second") === 50);
    first.process.kill("SIGKILL");
    await first.ended;
    const { said, code } = await start("recover", database, ledger, "wait").ended;
    expect(code).toBe(0);
    expect(said).toEqual(Array.from({ length: 50 }, (_, i) => [`run ${i}`, "completed"]));
    expect(effects(ledger, "third")).toBe(50);
  }, 600_000);

  it("other processes share its runs: 8 of them recover 50 runs, each once", async () => {
    const database = join(folder, "shared.db");
    const ledger = join(folder, "shared.ledger");
    const first = start("begin", database, ledger);
    await first.ready;
    await until(() => effects(ledger, "second") === 50);
    first.process.kill("SIGKILL");
    await first.ended;
    await sleep(400);
    const others = Array.from({ length: 8 }, () => start("recover", database, ledger));
    const ended = await Promise.all(others.map((child) => child.ended));
    const recovered = ended.flatMap(({ said, code, errors }) => {
      expect([code, errors.replace(/.*ExperimentalWarning[^]*$/u, "")]).toEqual([0, ""]);
      return said as [string, string][];
    });
    expect(recovered.map(([id]) => id).sort()).toEqual(Array.from({ length: 50 }, (_, i) => `run ${i}`).sort());
    expect(new Set(recovered.map(([, status]) => status))).toEqual(new Set(["completed"]));
    const lines = read(ledger);
    for (const [node, times] of [
      ["first", 1],
      ["second", 2],
      ["third", 1],
    ] as const) {
      expect(lines.filter(([, name]) => name === node).length).toBe(50 * times);
    }
    const store = sqliteStore(database);
    expect((await store.stats("stuck")).runs).toMatchObject({ total: 50, completed: 50 });
    await store.close();
  }, 600_000);
});
