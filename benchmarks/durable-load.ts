/**
 * How does recording behave under load, and with a distant database?
 *
 * A step is compared to the bare driver committing one row. For SQLite, it measures how long the event loop is blocked,
 * in processor time, which does not depend on other programs.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { Dag, Fsm, PauseRun, waitForEvent, type RunOptions, type RunResult } from "dagwright";
import { postgresStore, sqliteStore, type SqlStore } from "dagwright/store";
import { expectSame, median, round, verdict } from "./measure.js";
import { postgresServer } from "./postgres-server.js";

const STEPS = 100;
/** How many times the cost of waiting is measured. */
const WINDOWS = 7;
/** How long each measurement takes, in ms. */
const WINDOW = 4000;

/** A chain of steps, each of which adds 1. */
function chain(length: number): Dag<any> {
  const dag = new Dag<any>("chain");
  dag.node("n0", { params: ["x"] }, async (x: number) => x + 1);
  for (let i = 1; i < length; i++) dag.node(`n${i}`, { needs: [`n${i - 1}`] }, async (x: number) => x + 1);
  return dag.validateOrThrow();
}

type Begin = (dag: Dag<any>, options: RunOptions<any>) => Promise<RunResult<any>>;
const run: Begin = (dag, options) => dag.run(options);
const start: Begin = (dag, options) => dag.start(options).result;

async function runMany(store: SqlStore, count: number, steps: number, begun = run): Promise<number> {
  const dag = chain(steps);
  const begin = performance.now();
  const runs = await Promise.all(Array.from({ length: count }, () => begun(dag, { store, inputs: { x: 0 } })));
  const ms = performance.now() - begin;
  for (const run of runs) expectSame(run.value, steps, "one of many runs");
  return ms;
}

/**
 * The longest time between two turns of the event loop during `work`, in ms: elapsed time, or the processor time of this
 * process (with garbage collection) if that is less because other programs used the processor.
 */
async function longestBlock(work: () => Promise<unknown>): Promise<number> {
  let [began, used, longest, isOver] = [performance.now(), process.cpuUsage(), 0, false];
  const turn = () => {
    const { user, system } = process.cpuUsage(used);
    longest = Math.max(longest, Math.min(performance.now() - began, (user + system) / 1000));
    [began, used] = [performance.now(), process.cpuUsage()];
    if (!isOver) setImmediate(turn);
  };
  const working = work();
  setImmediate(turn);
  await working;
  isOver = true;
  return longest;
}

/** An fsm that waits for one event. */
function waitingFsm(): Fsm<any> {
  const fsm = new Fsm<any>("waits");
  fsm.state("idle", { initial: true, to: ["done"] }, () => waitForEvent({ GO: "done" }));
  fsm.state("done", { terminal: true }, () => 1);
  return fsm;
}

// --- SQLite ---

const folder = mkdtempSync(join(tmpdir(), "dagwright-bench-"));
const file = sqliteStore(join(folder, "many.db"));
await runMany(file, 100, 5);
for (const begin of [run, start]) {
  let many = 0;
  const block = await longestBlock(async () => (many = await runMany(file, 5000, 5, begin)));
  console.log(`SQLite, 5,000 × ${begin.name} of 5 steps: ${round((5000 / many) * 1000)} runs/s`);
  verdict(`SQLite, 5,000 × ${begin.name} at once: longest block of the event loop, ms`, block, "≤", 50);
}
const waits = waitingFsm();
const sendAll = (runIds: readonly string[]) =>
  Promise.all(runIds.map((runId) => waits.send(runId, "GO", 1, { store: file })));
/** Makes runs at rest and sends them the event they wait for; returns how long sending blocked the event loop. */
async function sendToResting(count: number): Promise<number> {
  const resting = await Promise.all(Array.from({ length: count }, () => waits.run({ store: file })));
  return longestBlock(() => sendAll(resting.map(({ runId }) => runId)));
}
const blocks = new Map<string, number>();
blocks.set("1,000 × fsm.send at once", await sendToResting(1000));
const attached = async () => {
  const handles = await waits.attachAll({ store: file });
  for (const { result } of handles) expectSame((await result).finalState, "done", "an attached fsm");
  expectSame(handles.length, 1000, "attachAll");
};
blocks.set("attachAll of 1,000 fsms", await longestBlock(attached));
for (const concurrency of [10, 2000]) {
  await sendToResting(2000);
  const recovered = async () => expectSame((await waits.recover({ store: file, concurrency })).length, 2000, "recover");
  blocks.set(`recover of 2,000 fsms, ${concurrency} at once`, await longestBlock(recovered));
}
blocks.set("prune of 15,000 runs", await longestBlock(() => file.prune({ keepLast: 0 })));
for (const [what, block] of blocks) verdict(`SQLite, ${what}: longest block of the event loop, ms`, block, "≤", 50);
await file.close();
rmSync(folder, { recursive: true });

// --- Postgres ---

/** A proxy that delays data by 1 ms in each direction. */
async function distant(url: string): Promise<{ url: string; close(): void }> {
  const target = new URL(url);
  const proxy = createServer((client) => {
    const peer = connect(Number(target.port || 5432), target.hostname);
    client.setNoDelay(true);
    peer.setNoDelay(true);
    client.on("data", (data) => void setTimeout(() => peer.write(data), 1));
    peer.on("data", (data) => void setTimeout(() => client.write(data), 1));
    for (const socket of [client, peer]) socket.on("error", () => {});
    client.on("close", () => peer.destroy());
    peer.on("close", () => client.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const through = new URL(url);
  through.host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return { url: through.href, close: () => proxy.close() };
}

/** The processor time that the server's connections have used, in ms; 0 if the system does not report it. */
async function serverTime(admin: pg.Client): Promise<number> {
  const { rows } = await admin.query<{ pid: number }>(
    "select pid from pg_stat_activity where backend_type = 'client backend'",
  );
  let ticks = 0;
  for (const { pid } of rows) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // The process has ended, or runs on another machine.
    }
  }
  return ticks * 10;
}

/** The processor time that this process takes a second, in ms. */
async function processorTime(): Promise<number> {
  const windows: number[] = [];
  // A median, since compilation and garbage collection fall into some of the windows.
  for (let i = 0; i < WINDOWS; i++) {
    const used = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, WINDOW));
    const { user, system } = process.cpuUsage(used);
    windows.push((user + system) / WINDOW);
  }
  return windows.sort((a, b) => a - b)[WINDOWS >> 1];
}

async function measurePostgres(url: string): Promise<void> {
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  const store = postgresStore(url);
  const dag = chain(STEPS);
  const step = async (on: SqlStore) =>
    (await median(
      async () => expectSame((await dag.run({ store: on, inputs: { x: 0 } })).value, STEPS, "the chain"),
      5,
      2,
    )) / STEPS;
  await admin.query("create temp table bare (n int primary key, v text)");
  let n = 0;
  const bare = await median(() => admin.query("insert into bare values ($1, $2)", [n++, "1"]), 300, 50);
  const near = await step(store);
  console.log(
    `Postgres, a step of a chain: ${round(near)} ms, the bare driver's commit: ${round(bare)} ms, ratio ${round(near / bare)}`,
  );
  const far = await distant(url);
  const farStore = postgresStore(far.url);
  verdict("Postgres, 1 ms away: a step of a chain, ms", await step(farStore), "≤", 5);
  await farStore.close();
  far.close();

  console.log(
    `Postgres, 200 runs of 5 steps at once: ${round((200 / (await median(() => runMany(store, 200, 5), 5, 1))) * 1000)} runs/s`,
  );
  const ms = await runMany(store, 4000, 5);
  console.log(`Postgres, 4,000 runs of 5 steps at once: none failed, ${round((4000 / ms) * 1000)} runs/s`);

  const half = new Dag<any>("half");
  half.node("approve", (): number => {
    throw new PauseRun("halfway");
  });
  for (let i = 0; i < 1000; i++) half.node(`done${i}`, { params: ["x"] }, (x: number) => x + i);
  half.node("last", { needs: ["approve"] }, (x: number) => x);
  const resumes: number[] = [];
  for (let i = 0; i < 5; i++) {
    const { runId } = await half.run({ store, mode: "async", inputs: { x: 1 } });
    const begin = performance.now();
    expectSame(
      (await half.resume(runId, { store, mode: "async", provide: { approve: 7 } })).get("last"),
      7,
      "the resumed run",
    );
    resumes.push(performance.now() - begin);
  }
  console.log(`Postgres, resume of 1,000 completed steps: ${round(resumes.sort((a, b) => a - b)[2])} ms`);

  // Processors that are hardly used take much longer for it than busy ones.
  const polling = setInterval(() => void admin.query("select 1"), 300);
  console.log(`Postgres, one query each 300 ms: processor time here ${round(await processorTime())} ms a second`);
  clearInterval(polling);
  const fsm = waitingFsm();
  for (const count of [1000, 2000]) {
    global.gc?.();
    const before = process.memoryUsage().heapUsed;
    const handles = Array.from({ length: count }, () => fsm.start({ store }));
    await Promise.all(handles.map((handle) => handle.waitFor("idle")));
    await new Promise((resolve) => setTimeout(resolve, 2000));
    global.gc?.();
    const memory = (process.memoryUsage().heapUsed - before) / count / 1024;
    const serverBefore = await serverTime(admin);
    const client = await processorTime();
    const database = ((await serverTime(admin)) - serverBefore) / ((WINDOWS * WINDOW) / 1000);
    console.log(
      `Postgres, ${count} waiting fsms: ${round(memory)} KB each, processor time ${round(client)} ms a second here, ${round(database)} ms a second in the server`,
    );
    if (count === 1000) verdict("Postgres, 1,000 waiting fsms: processor time here, ms a second", client, "≤", 5);
    await Promise.all(handles.map((handle) => handle.send("GO")));
    for (const { result } of handles) expectSame((await result).finalState, "done", "a waiting fsm");
  }
  await store.close();
  await admin.end();
}

const found = await postgresServer();
if (typeof found === "string") console.log(found);
else {
  await measurePostgres(found.url);
  await found.stop();
}
