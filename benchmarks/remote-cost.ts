/**
 * What does a node cost that a worker in another process executes: processor time of its driver, of workers and of Redis,
 * commands of Redis, and what a store in Postgres writes?
 *
 * The functions do nothing. The peer is plain BullMQ on the same server and in the same processes: a job is added, and
 * waited for. All take turns. What others do on these servers meanwhile is counted as well.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Queue, QueueEvents } from "bullmq";
import { Redis } from "ioredis";
import pg from "pg";
import type { RunStore } from "dagwright";
import { remote } from "dagwright/bullmq";
import { postgresStore, sqliteStore } from "dagwright/store";
import { expectSame, round, verdict } from "./measure.js";
import { postgresServer } from "./postgres-server.js";
import { redisServer } from "./redis-server.js";
import { JOBS, NODES, numbers } from "./workers/numbers.js";

const COUNT = 2000;
const ROUNDS = 5;
const WORKERS = 2;

/** Processor time in ms, commands, write transactions, and bytes of the write-ahead log; a node, or in all. */
type Used = Readonly<Record<"driver" | "workers" | "Redis" | "commands" | "transactions" | "log", number>>;
type Contender = () => Promise<unknown>;

const ms = ({ user, system }: NodeJS.CpuUsage) => (user + system) / 1000;

async function timeOfWorker(worker: ChildProcess): Promise<number> {
  const answer = once(worker, "message") as Promise<[NodeJS.CpuUsage]>;
  worker.send("processor time");
  return ms((await answer)[0]);
}

/** What this process, the workers and the servers have used since they began. */
async function usedBy(workers: readonly ChildProcess[], redis: Redis, postgres: pg.Client | undefined): Promise<Used> {
  const text = `${await redis.info("cpu")}${await redis.info("stats")}`;
  const fact = (name: string) => Number(new RegExp(`^${name}:(.*)$`, "mu").exec(text)?.[1]);
  const sql = "select pg_current_wal_lsn() - '0/0' as log, pg_snapshot_xmax(pg_current_snapshot())::text as next";
  const [written] = (await postgres?.query<{ log: string; next: string }>(sql))?.rows ?? [];
  const times = await Promise.all(workers.map(timeOfWorker));
  return {
    driver: ms(process.cpuUsage()),
    workers: times.reduce((sum, time) => sum + time),
    Redis: 1000 * (fact("used_cpu_user") + fact("used_cpu_sys")),
    commands: fact("total_commands_processed"),
    transactions: Number(written?.next ?? 0),
    log: Number(written?.log ?? 0),
  };
}

/** The medians of what a node of each contender takes. */
async function takeTurns(
  contenders: ReadonlyMap<string, Contender>,
  used: () => Promise<Used>,
): Promise<Map<string, Used>> {
  const samples = new Map(Array.from(contenders.keys(), (name): [string, Used[]] => [name, []]));
  for (let turn = -1; turn < ROUNDS; turn++) {
    for (const [name, run] of contenders) {
      const before = await used();
      expectSame(await run(), (COUNT * (COUNT + 1)) / 2, name);
      const after = await used();
      const facts = Object.keys(after) as (keyof Used)[];
      const each = Object.fromEntries(facts.map((fact) => [fact, (after[fact] - before[fact]) / COUNT])) as Used;
      if (turn >= 0) samples.get(name)?.push(each);
    }
  }
  const median = (all: readonly Used[], fact: keyof Used) =>
    all.map((each) => each[fact]).sort((a, b) => a - b)[ROUNDS >> 1];
  return new Map(
    Array.from(samples, ([name, all]) => {
      const facts = Object.keys(all[0]) as (keyof Used)[];
      return [name, Object.fromEntries(facts.map((fact) => [fact, median(all, fact)])) as Used];
    }),
  );
}

const broker = await redisServer();
if (broker.url === undefined) {
  console.log(broker.missing);
} else {
  const { url } = broker;
  const prefix = `dagwright-bench-${process.pid}`;
  const script = fileURLToPath(new URL("workers/numbers-worker.js", import.meta.url));
  const workers = Array.from({ length: WORKERS }, () => fork(script, [url, prefix]));
  await Promise.all(workers.map((worker) => once(worker, "message")));

  const jobs = new Queue<number, number>(JOBS, { connection: { url }, prefix });
  const events = new QueueEvents(JOBS, { connection: { url }, prefix });
  jobs.setMaxListeners(0);
  events.setMaxListeners(0);
  const job = async (n: number): Promise<number> => {
    const added = await jobs.add("increment", n, { removeOnComplete: 10_000 });
    return added.waitUntilFinished(events);
  };
  const bare = async () => {
    const results = await Promise.all(Array.from({ length: COUNT }, (_, n) => job(n)));
    return results.reduce((sum, result) => sum + result, 0);
  };

  const backend = remote({ connection: url, queue: NODES, prefix });
  const far = numbers(COUNT, backend);
  const near = numbers(COUNT);
  const run = (dag: typeof far, store?: RunStore) => async () =>
    (await dag.run({ mode: "hybrid", ...(store && { store }) })).get("each");
  const folder = mkdtempSync(join(tmpdir(), "dagwright-bench-"));
  const file = sqliteStore(join(folder, "runs.db"));
  const contenders = new Map<string, Contender>([
    ["plain BullMQ", bare],
    ["remote", run(far)],
    ["remote, in SQLite", run(far, file)],
    ["inline", run(near)],
    ["inline, in SQLite", run(near, file)],
  ]);
  const postgres = await postgresServer();
  const [server, database] =
    typeof postgres === "string" ? [] : [postgresStore(postgres.url), new pg.Client(postgres.url)];
  if (typeof postgres === "string") console.log(postgres);
  await database?.connect();
  if (server !== undefined) {
    contenders.set("remote, in Postgres", run(far, server));
    contenders.set("inline, in Postgres", run(near, server));
  }

  const redis = new Redis(url);
  const taken = await takeTurns(contenders, () => usedBy(workers, redis, database));
  for (const [name, used] of taken) {
    const facts = Object.entries(used).map(([fact, value]) => `${fact} ${round(value)}`);
    console.log(`${name}, a node: ${facts.join(", ")}`);
  }
  const ratio = (fact: keyof Used) => (taken.get("remote")?.[fact] ?? NaN) / (taken.get("plain BullMQ")?.[fact] ?? NaN);
  verdict("processor time of the driver, relative to plain BullMQ", ratio("driver"), "≤", 2);
  verdict("commands of Redis, relative to plain BullMQ", ratio("commands"), "≤", 2);

  await Promise.all([backend.close(), jobs.close(), events.close(), file.close(), server?.close(), database?.end()]);
  for (const worker of workers) worker.kill();
  redis.disconnect();
  await broker.clear(prefix);
  if (typeof postgres !== "string") await postgres.stop();
  rmSync(folder, { recursive: true });
}
