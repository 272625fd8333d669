/**
 * What does a service make of the runs that are submitted to it: how many a second, how soon does it begin them, continue
 * them when an event is sent, and those that are due; and what does it cost when there is nothing to do?
 *
 * Its peers are DBOS and pg-boss on the same server, each with 50 jobs in flight and with the settings that make it
 * fastest: DBOS looks for work every 10 ms; pg-boss is told of work, fetches and completes 50 jobs at a time, and records
 * neither steps nor events. Every commit waits for the disk. The systems are measured one after another.
 */
import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { bullmq } from "dagwright/bullmq";
import { postgresStore, sqliteStore } from "dagwright/store";
import { expectSame, round, verdict } from "./measure.js";
import { postgresServer } from "./postgres-server.js";
import { redisServer } from "./redis-server.js";
import type { Contender, Events, Watch } from "./queues/contender.js";
import { countedSqlite, queries } from "./queues/counted.js";
import { dagwright, dagwrightClient } from "./queues/dagwright.js";
import { dbos, dbosEvents } from "./queues/dbos.js";
import { pgBoss } from "./queues/pg-boss.js";

/** How many are submitted at once, and how often. */
const RUNS = 1000;
const ROUNDS = 3;
/** How many are submitted, or continued by an event, one after another. */
const SINGLE = 100;
/** How many are due in one second, and how long it may take to submit them, in ms. */
const DUE = 10_000;
const SUBMITTING = 60_000;
/** For how long there is nothing to do, in ms. */
const IDLE = 20_000;

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const now = () => performance.timeOrigin + performance.now();

/** When jobs have begun, by number. */
class Begun implements Watch {
  private readonly times = new Map<number, number>();
  private waiting: { readonly n: number; readonly resolve: (at: number) => void } | undefined;

  begun(n: number, at = now()): void {
    this.times.set(n, at);
    if (this.waiting?.n === n) this.waiting.resolve(at);
  }

  /** When job `n` has begun, or will begin. */
  async of(n: number): Promise<number> {
    return this.times.get(n) ?? new Promise((resolve) => (this.waiting = { n, resolve }));
  }

  clear(): void {
    this.times.clear();
  }
}

interface Spread {
  readonly p50: number;
  readonly p99: number;
}

function spread(values: readonly number[]): Spread {
  const sorted = Array.from(values).sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return { p50: at(0.5), p99: at(0.99) };
}

const show = ({ p50, p99 }: Spread) => `p50 ${round(p50)} ms, p99 ${round(p99)} ms`;

/** How many jobs a second are done when many are submitted at once: the median of some rounds. */
async function throughput(contender: Contender): Promise<number> {
  const rates: number[] = [];
  for (let i = -1; i < ROUNDS; i++) {
    const began = performance.now();
    await Promise.all(Array.from({ length: RUNS }, (_, n) => contender.submit(n)));
    const sum = await contender.finish();
    if (i >= 0) rates.push((RUNS / (performance.now() - began)) * 1000);
    expectSame(sum, (RUNS * (RUNS + 1)) / 2, contender.name);
  }
  return rates.sort((a, b) => a - b)[ROUNDS >> 1];
}

/** From the call of `submit` to the first node, when there is nothing else to do, in ms. */
async function submissions(contender: Contender, begun: Begun): Promise<Spread> {
  const times: number[] = [];
  for (let n = 0; n < SINGLE; n++) {
    begun.clear();
    const at = now();
    await contender.submit(n);
    times.push((await begun.of(n)) - at);
    await contender.finish();
    await sleep(Math.random() * 20);
  }
  return spread(times);
}

/** From the call of `send` to the node that has waited for it, in ms. */
async function sends(events: Events, begun: Begun, first: number): Promise<Spread> {
  const times: number[] = [];
  for (let n = first; n < first + SINGLE; n++) {
    await events.begin(n);
    const at = now();
    await events.send(n);
    times.push((await begun.of(n)) - at);
  }
  return spread(times);
}

/** By how much jobs begin later than they are due, when many are due in one second, in ms. */
async function lateness(contender: Contender, begun: Begun): Promise<Spread> {
  begun.clear();
  const start = Date.now() + SUBMITTING;
  const dueOf = (n: number) => start + (n * 1000) / DUE;
  for (let n = 0; n < DUE; n += 500) {
    const part = Array.from({ length: 500 }, (_, i) => contender.submit(n + i, new Date(dueOf(n + i))));
    await Promise.all(part);
  }
  if (Date.now() > start) throw new Error(`${contender.name} took too long to submit.`);
  await contender.finish();
  const late: number[] = [];
  for (let n = 0; n < DUE; n++) late.push((await begun.of(n)) - dueOf(n));
  return spread(late);
}

/** What it costs to have nothing to do. */
async function idleness(): Promise<{ readonly queries: number; readonly cpu: number }> {
  await sleep(1000);
  const [count, used] = [queries.count, process.cpuUsage()];
  await sleep(IDLE);
  const { user, system } = process.cpuUsage(used);
  const minutes = IDLE / 60_000;
  return { queries: (queries.count - count) / minutes, cpu: (user + system) / 1000 / minutes };
}

interface Measured {
  readonly rate: number;
  readonly submitted: Spread;
  readonly sent: Spread | undefined;
  readonly late: Spread;
  readonly idle: { readonly queries: number; readonly cpu: number };
}

async function measure(open: (watch: Watch) => Promise<Contender>): Promise<Measured> {
  const begun = new Begun();
  const contender = await open(begun);
  const { name, events } = contender;
  const rate = await throughput(contender);
  const submitted = await submissions(contender, begun);
  console.log(`${name}: ${round(rate)} runs/s, the first node of a single one after ${show(submitted)}`);
  begun.clear();
  const sent = events && (await sends(events, begun, 0));
  if (sent !== undefined) console.log(`${name}: an event continues its run after ${show(sent)}`);
  const late = await lateness(contender, begun);
  console.log(`${name}: ${DUE} due in one second are late by ${show(late)}`);
  const idle = await idleness();
  console.log(`${name}: idle, ${round(idle.queries)} queries and ${round(idle.cpu)} ms of processor time a minute`);
  await contender.close();
  return { rate, submitted, sent, late, idle };
}

/** From `send` in this process to the node in another one, in ms. */
async function across(
  system: string,
  database: string,
  open: () => Promise<Events & { close(): Promise<void> }>,
  redis?: string,
) {
  const begun = new Begun();
  const driver = fork(
    fileURLToPath(new URL("queues/driver.js", import.meta.url)),
    [system, database, ...(redis === undefined ? [] : [redis])],
    {
      execArgv: [],
    },
  );
  await new Promise<void>((resolve) => {
    driver.on("message", (message: "ready" | { n: number; at: number }) => {
      if (message === "ready") resolve();
      else begun.begun(message.n, message.at);
    });
  });
  const events = await open();
  const sent = await sends(events, begun, 1_000_000);
  const name = redis === undefined ? system : `${system} and BullMQ`;
  console.log(`${name}, across two processes: an event continues its run after ${show(sent)}`);
  await events.close();
  driver.disconnect();
  return sent;
}

const ofClient = async (client: Contender) => ({ ...(client.events as Events), close: () => client.close() });

// --- SQLite ---

const folder = mkdtempSync(join(tmpdir(), "dagwright-bench-"));
await measure((watch) => dagwright("SQLite", countedSqlite(join(folder, "one.db")), watch));
const file = join(folder, "two.db");
await across("sqlite", file, () => ofClient(dagwrightClient("sqlite", sqliteStore(file))));

// --- SQLite, with runs that come through BullMQ ---

const redis = await redisServer();
if (redis.url === undefined) console.log(redis.missing);
else {
  const { url } = redis;
  const through = (prefix: string) => bullmq({ connection: url, prefix });
  const three = join(folder, "three.db");
  const four = join(folder, "four.db");
  await measure((watch) => dagwright("SQLite and BullMQ", countedSqlite(three), watch, through(three)));
  await across("sqlite", four, () => ofClient(dagwrightClient("sqlite", sqliteStore(four), through(four))), url);
  await redis.clear(three, four);
}
rmSync(folder, { recursive: true });

// --- Postgres ---

async function measurePostgres(url: string): Promise<void> {
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  const databases: string[] = [];
  /** The address of a new database. */
  const database = async () => {
    const name = `dagwright_bench_${process.pid}_${databases.length}`;
    databases.push(name);
    await admin.query(`create database ${name}`);
    const address = new URL(url);
    address.pathname = `/${name}`;
    return address.href;
  };
  const ofDbos = await database();
  const ours = await measure(async (watch) => dagwright("Postgres", postgresStore(await database()), watch));
  const boss = await measure(async (watch) => pgBoss(await database(), watch));
  const theirs = await measure((watch) => dbos(ofDbos, watch));
  const two = await database();
  const here = await across("postgres", two, () => ofClient(dagwrightClient("postgres", postgresStore(two))));
  const there = await across("dbos", ofDbos, () => dbosEvents(ofDbos));
  for (const name of databases) await admin.query(`drop database ${name} with (force)`);
  await admin.end();

  verdict("runs/s / DBOS's", ours.rate / theirs.rate, "≥", 1);
  verdict("runs/s / pg-boss's", ours.rate / boss.rate, "≥", 1);
  verdict("from submission to the first node / DBOS's, p50", ours.submitted.p50 / theirs.submitted.p50, "≤", 1);
  verdict("from submission to the first node / pg-boss's, p50", ours.submitted.p50 / boss.submitted.p50, "≤", 1);
  verdict("from an event to its node / DBOS's, p50", (ours.sent as Spread).p50 / (theirs.sent as Spread).p50, "≤", 1);
  verdict("from an event to its node in another process / DBOS's, p50", here.p50 / there.p50, "≤", 1);
  verdict("lateness of what is due / DBOS's, p50", ours.late.p50 / theirs.late.p50, "≤", 1);
  verdict("lateness of what is due / pg-boss's, p50", ours.late.p50 / boss.late.p50, "≤", 1);
  verdict("queries when idle / pg-boss's", ours.idle.queries / boss.idle.queries, "≤", 1);
}

const found = await postgresServer();
if (typeof found === "string") console.log(found);
else {
  await measurePostgres(found.url);
  await found.stop();
}
