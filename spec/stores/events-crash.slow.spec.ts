import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { postgresStore, sqliteStore, type SqlStore } from "dagwright/store";
import { bundled } from "../support/bundled.js";
import { startPostgres } from "../support/postgres.js";

/** The minimum number of processes to kill, and the number of events of each of three senders. */
const KILLS = 20;
const EVENTS = 12;

const script = bundled("crashing-events");
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dagwright-events-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a process, and kills it the given time after it was ready. Returns whether it had ended by itself. */
function run(args: readonly string[], ms = Infinity): Promise<boolean> {
  const child = spawn(process.execPath, [script, ...args]);
  let timer: NodeJS.Timeout | undefined;
  let errors = "";
  child.stdout.once("data", () => {
    if (ms < Infinity) timer = setTimeout(() => child.kill("SIGKILL"), ms);
  });
  child.stderr.on("data", (data) => (errors += data));
  return new Promise((resolve, reject) =>
    child.on("close", (code) => {
      clearTimeout(timer);
      if (code === null || code === 0) resolve(code === 0);
      else reject(new Error(errors));
    }),
  );
}

async function survives(database: string, store: SqlStore): Promise<void> {
  const runId = "r";
  let kills = 0;
  const survive = async (args: readonly string[], isOver: () => boolean) => {
    // The moments get later and later, so that all processes end, even on a slow machine.
    for (let longest = 50; !isOver(); longest *= 2) {
      if (await run(args, Math.random() * longest)) return;
      kills++;
    }
  };
  const send = (name: string) => survive(["send", database, runId, name, String(EVENTS)], () => false);
  let isOver = false;
  const drive = async () => {
    while (!isOver) await survive(["drive", database, runId], () => isOver);
  };
  const driving = drive();
  await Promise.all(["a", "b", "c"].map(send));
  while (kills < KILLS) await send("a");
  await survive(["end", database, runId], () => false);
  isOver = true;
  await driving;
  await run(["drive", database, runId]);

  const found = (await store.getRun(runId))!;
  expect(found.status).toBe("completed");
  const taken = found.cycles.filter(({ event }) => event === "ITEM").map(({ input }) => input?.value);
  expect(taken.length).toBe(3 * EVENTS);
  for (const name of ["a", "b", "c"]) {
    const own = taken.filter((item) => String(item).startsWith(`${name} `));
    expect(own).toEqual(Array.from({ length: EVENTS }, (_, i) => `${name} ${i}`));
  }
  await store.close();
}

describe.concurrent("Events sent while senders and drivers are killed", () => {
  it("are taken once each and in order: SQLite", async () => {
    const path = join(folder, "events.db");
    await survives(path, sqliteStore(path));
  }, 600_000);

  it("are taken once each and in order: Postgres", async ({ skip }) => {
    const server = await startPostgres();
    if (typeof server === "string") return skip(server);
    await survives(server.url, postgresStore(server.url));
    await server.close();
  }, 600_000);
});
