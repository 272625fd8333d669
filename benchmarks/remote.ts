/**
 * What do remote nodes cost, next to the same jobs of bare BullMQ?
 *
 * Runs 1,000 nodes that are ready at once, 500 in layers, a chain of 100, and a single node, on Redis and on Postgres. The
 * peer adds a job for each node with the same options, and waits for its result (`waitUntilFinished`) as BullMQ's
 * documentation has it, by one rule for all shapes. Each has a worker in a process of its own, which computes next to
 * nothing, 50 at a time. No run is recorded. Contenders take turns, and their answers are checked. An argument, `redis` or
 * `postgres`, leaves the other one out.
 */
import pg from "pg";
import { remote } from "dagwright/bullmq";
import { compare, expectSame, round, verdict } from "./measure.js";
import { postgresServer } from "./postgres-server.js";
import { redisServer } from "./redis-server.js";
import { answer, sum } from "./shapes.js";
import { BareQueue, type Place } from "./workers/bare-bullmq.js";
import { REMOTE, remoteDag, shapeOf, type DagName } from "./workers/dags.js";
import { startWorker } from "./workers/start.js";

const CONCURRENCY = 50;

/** The dags, and how often each is run: often enough for a median, and not for too long on a broker that waits for a disk. */
const DAGS: readonly (readonly [name: DagName, onRedis: number, onPostgres: number])[] = [
  [["free", 1000], 11, 5],
  [["layered", 500], 15, 5],
  [["chain", 100], 15, 7],
  [["chain", 1], 1000, 200],
];

async function measure(broker: "Redis" | "Postgres", url: string, prefix: string | undefined): Promise<void> {
  const place = (queue: string): Place => ({ url, prefix, queue });
  const endOurs = await startWorker({
    place: place(REMOTE),
    dags: DAGS.map(([name]) => name),
    concurrency: CONCURRENCY,
  });
  const endTheirs = await startWorker({ place: place("bare"), concurrency: CONCURRENCY });
  const backend = remote({ connection: url, queue: REMOTE, prefix });
  const bare = new BareQueue(place("bare"));
  await bare.ready();
  for (const [name, onRedis, onPostgres] of DAGS) {
    const dag = remoteDag(name);
    const shape = shapeOf(name);
    const expected = answer(shape);
    const samples = broker === "Redis" ? onRedis : onPostgres;
    const { ours, theirs, ratio } = await compare(
      samples,
      async () => {
        const run = await dag.run({ mode: "hybrid", backends: { [REMOTE]: backend } });
        expectSame(sum(Object.values(run.results)), expected, dag.name);
      },
      async () => expectSame(await bare.run(shape), expected, "bare BullMQ"),
      Math.ceil(samples / 4),
    );
    const what = `${broker}, ${dag.name}`;
    if (shape.length > 1) {
      const rate = (ms: number) => round((shape.length / ms) * 1000);
      console.log(`${what}: ${rate(ours)} nodes/s, bare BullMQ ${rate(theirs)} jobs/s`);
      verdict(`${what}, nodes/s / bare jobs/s`, 1 / ratio, "≥", 0.9);
    } else {
      console.log(`${broker}, a single node: ${round(ours)} ms, a bare job ${round(theirs)} ms`);
      verdict(`${broker}, a single node / a bare job`, ratio, "≤", 1.15);
    }
  }
  await bare.close();
  await backend.close();
  await endOurs();
  await endTheirs();
}

const only = process.argv[2];
const prefix = `dagwright-bench-${process.pid}`;
const redis = await redisServer();
if (only === "postgres") await redis.clear();
else if (redis.url === undefined) console.log(redis.missing);
else {
  await measure("Redis", redis.url, prefix);
  await redis.clear(prefix);
}

const found = only === "redis" ? "" : await postgresServer();
if (typeof found === "string") console.log(found);
else {
  const admin = new pg.Client({ connectionString: found.url });
  await admin.connect();
  const database = `dagwright_bench_${process.pid}`;
  await admin.query(`create database ${database}`);
  const address = new URL(found.url);
  address.pathname = `/${database}`;
  await measure("Postgres", address.href, undefined);
  await admin.query(`drop database ${database} with (force)`);
  await admin.end();
  await found.stop();
}
