import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { postgresStore, sqliteStore, type SqlStore } from "dagwright/store";
import { bundled } from "../support/bundled.js";
import { startPostgres } from "../support/postgres.js";

/** How many processes are killed at least, and how many events each of three senders has. */
const KILLS = 20;
const EVENTS = 12;

const script = bundled("crashing-events");
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dagwright-events-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a process, and kills it after a while, if it is told how long. Whether it has come to its end. */
function run(args: readonly string[], ms?: number): Promise<boolean> {
  const child = spawn(process.execPath, [script, ...args]);
  const timer = ms === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), ms);
  let errors = "";
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
  const runId = `r${Date.now()}`;
  let kills = 0;
  // Much later from time to time, so that all come to an end, however slow the machine is.
  let tries = 0;
  const delay = () => Math.random() * 500 * 2 ** (tries++ % 5);
  let isOver = false;
  const untilDone = async (...args: string[]) => {
    for (let isDone = false; !isDone;) {
      isDone = await run(args, delay());
      if (!isDone) kills++;
    }
  };
  const drive = async () => {
    while (!isOver) if (!(await run(["drive", database, runId], delay()))) kills++;
  };
  const driving = drive();
  await Promise.all(["a", "b", "c"].map((name) => untilDone("send", database, runId, name, String(EVENTS))));
  while (kills < KILLS) await untilDone("send", database, runId, "a", String(EVENTS));
  await untilDone("end", database, runId);
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

describe("Events that are sent while senders and drivers are killed", () => {
  it("are each taken once, and in order: SQLite", async () => {
    const path = join(folder, "events.db");
    await survives(path, sqliteStore(path));
  }, 180_000);

  it("are each taken once, and in order: Postgres", async ({ skip }) => {
    const server = await startPostgres();
    if (typeof server === "string") return skip(server);
    await survives(server.url, postgresStore(server.url));
    await server.close();
  }, 180_000);
});
