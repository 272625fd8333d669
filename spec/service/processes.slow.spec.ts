import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Client, Service } from "dagwright/service";
import { postgresStore, sqliteStore, type SqlStore, type StoreOptions } from "dagwright/store";
import { bundled } from "../support/bundled.js";
import { startPostgres, type PostgresServer } from "../support/postgres.js";
import { stuck } from "../support/serving.js";
import { failure, sleep, until } from "../support/waiting.js";

const script = bundled("serving");
const postgres = await startPostgres();
let folder: string;

beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "dagwright-services-"))));
beforeEach(async () => {
  if (typeof postgres !== "string") await postgres.empty();
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  if (typeof postgres !== "string") await postgres.close();
});

interface Child {
  readonly process: ChildProcess;
  readonly ready: Promise<void>;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; errors: string }>;
}

const children = new Set<ChildProcess>();
afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
});

function start(database: string, ledger: string, task: string): Child {
  const child = spawn(process.execPath, [script, database, ledger, task]);
  children.add(child);
  let errors = "";
  child.stderr.on("data", (data) => (errors += data));
  const ready = new Promise<void>((resolve) => child.stdout.once("data", () => resolve()));
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null; errors: string }>((resolve) =>
    child.on("close", (code, signal) => {
      children.delete(child);
      resolve({ code, signal, errors: errors.replace(/.*ExperimentalWarning[^]*$/u, "") });
    }),
  );
  return { process: child, ready, ended };
}

const databases: [string, () => string, (address: string, options?: StoreOptions) => SqlStore][] = [
  ["SQLite", () => join(folder, `${Math.random()}.db`), sqliteStore],
];
if (typeof postgres !== "string") databases.push(["Postgres", () => (postgres as PostgresServer).url, postgresStore]);

describe.each(databases)("Service processes on %s", (_, address, open) => {
  let store: SqlStore;
  let client: Client;
  let database: string;
  let ledger: string;
  const lines = () => readFileSync(ledger, "utf8").split("\n").filter(Boolean);
  const hasLines = (count: number) => existsSync(ledger) && lines().length >= count;
  const begin = () => {
    database = address();
    ledger = join(folder, `${Math.random()}.ledger`);
    store = open(database);
    client = new Client({ store, pollInterval: 50 });
  };
  afterEach(async () => {
    await client.close();
    await store.close();
  });

  it("lose no run, and drive each once, whoever is killed", async () => {
    begin();
    const ids = Array.from({ length: 60 }, (_, i) => `run ${i}`);
    const runs = await Promise.all(ids.map((runId) => client.submit("steady", { runId })));
    const results = Promise.all(runs.map((run) => run.result()));
    let isOver = false;
    void results.then(() => (isOver = true));
    const keepKilling = async () => {
      for (let round = 1; !isOver; round++) {
        const child = start(database, ledger, "serve");
        await child.ready;
        // Later from round to round, so that all runs end, however slow the machine is.
        await Promise.race([results, sleep(Math.random() * 60 * round)]);
        child.process.kill("SIGKILL");
        await child.ended;
      }
    };
    await Promise.all([keepKilling(), keepKilling()]);
    expect((await results).map(({ status, value }) => [status, value])).toEqual(ids.map((id) => ["completed", id]));
    // An attempt is made once: what was interrupted counts as one.
    const attempts = lines();
    expect(new Set(attempts).size).toBe(attempts.length);
    for (const id of ids)
      for (const node of "abc") expect(attempts.some((line) => line.startsWith(`${id} ${node} `))).toBe(true);
  }, 180_000);

  it("give up a run that kills them", async () => {
    begin();
    const run = await client.submit("deadly", { runId: "deadly" });
    const result = failure(run.result());
    let isOver = false;
    void result.then(() => (isOver = true));
    let drives = 0;
    while (!isOver) {
      const child = start(database, ledger, "give up");
      await Promise.race([child.ended, result]);
      if (isOver) child.process.kill("SIGKILL");
      else drives++;
      await child.ended;
    }
    expect(await result).toMatchObject({ code: "POISONED" });
    expect(drives).toBe(3);
    expect(lines()).toEqual(["deadly a 1", "deadly a 2", "deadly a 3"]);
    expect(await client.get("deadly")).toMatchObject({ status: "failed", error: { code: "POISONED" } });
  }, 120_000);

  it("take up the runs of a killed one in about a lease, however seldom they look for runs", async () => {
    begin();
    const child = start(database, ledger, "serve");
    await child.ready;
    const run = await client.submit("stuck", { runId: "stuck" });
    await until(() => hasLines(1));
    const other = open(database, { lease: 1500 });
    const service = new Service({ store: other, workflows: [stuck(() => {}, false)], pollInterval: 3_600_000 });
    await service.start();
    child.process.kill("SIGKILL");
    expect((await run.result()).value).toBe("done");
    await service.close();
    await other.close();
  }, 60_000);

  it("end by SIGTERM when what they drive has ended", async () => {
    begin();
    const child = start(database, ledger, "signals");
    await child.ready;
    const run = await client.submit("slow", { runId: "slow" });
    await until(() => hasLines(1));
    const later = await client.submit("slow", { delay: 60_000 });
    child.process.kill("SIGTERM");
    expect(await child.ended).toEqual({ code: null, signal: "SIGTERM", errors: "" });
    expect((await run.result()).value).toBe("done");
    expect(await client.get(later.runId)).toMatchObject({ status: "queued" });
  }, 60_000);

  it("end by SIGTERM at the end of their grace, and leave what they drive to others", async () => {
    begin();
    const child = start(database, ledger, "impatient");
    await child.ready;
    await client.submit("stuck", { runId: "stuck" });
    await until(() => hasLines(1));
    child.process.kill("SIGTERM");
    expect(await child.ended).toEqual({ code: null, signal: "SIGTERM", errors: "" });
    expect(await client.get("stuck")).toMatchObject({ status: "queued" });
  }, 60_000);

  it("end by themselves when they have nothing to do", async () => {
    begin();
    const child = start(database, ledger, "idle");
    expect(await child.ended).toEqual({ code: 0, signal: null, errors: "" });
  }, 60_000);
});
