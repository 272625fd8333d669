/**
 * What does the driver of a run spend on a remote node, in small runs and in large ones?
 *
 * Runs 1,000, 10,000 and 100,000 nodes that are ready at once, through a Redis and a worker of 200 nodes at a time. Measures
 * the processor time of the driver a node, until all jobs are settled in the queue, and the memory that nodes take while they
 * wait for a worker. Needs `--expose-gc`.
 */
import { Queue } from "bullmq";
import { remote } from "dagwright/bullmq";
import { expectSame, round, verdict } from "./measure.js";
import { redisServer } from "./redis-server.js";
import { answer, sum } from "./shapes.js";
import { REMOTE, remoteDag, shapeOf, type DagName } from "./workers/dags.js";
import { startWorker } from "./workers/start.js";

const SIZES = [1_000, 10_000, 100_000];
const CONCURRENCY = 200;

interface Cost {
  /** Of processor time, in µs a node. */
  readonly cpu: number;
  /** While all nodes are in the queue, in bytes a node. */
  readonly memory: number;
}

function used(): number {
  if (globalThis.gc === undefined) throw new Error("Run this with node --expose-gc.");
  globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

async function measure(url: string, prefix: string, size: number): Promise<Cost> {
  const name: DagName = ["free", size];
  const dag = remoteDag(name).validateOrThrow();
  const place = { url, prefix, queue: REMOTE };
  const queue = new Queue(REMOTE, { connection: { url }, prefix });
  const backend = remote({ connection: url, queue: REMOTE, prefix });
  const before = used();
  const began = process.cpuUsage();
  const running = dag.run({ mode: "hybrid", backends: { [REMOTE]: backend } });
  while ((await queue.getWaitingCount()) < size) await new Promise((resolve) => setTimeout(resolve, 50));
  const memory = (used() - before) / size;
  const end = await startWorker({ place, dags: [name], concurrency: CONCURRENCY });
  const start = performance.now();
  const { results } = await running;
  const elapsed = performance.now() - start;
  await backend.close();
  const { user, system } = process.cpuUsage(began);
  expectSame(sum(Object.values(results)), answer(shapeOf(name)), dag.name);
  expectSame(await queue.count(), 0, "The queue");
  await queue.close();
  await end();
  const cpu = (user + system) / size;
  const rate = round((size / elapsed) * 1000);
  console.log(
    `${size} nodes: ${round(cpu)} µs and ${round(memory)} bytes a node; ${rate} nodes/s once there is a worker`,
  );
  return { cpu, memory };
}

const redis = await redisServer();
if (redis.url === undefined) console.log(redis.missing);
else {
  const prefixes = SIZES.map((size) => `dagwright-bench-${process.pid}-${size}`);
  // The first run compiles, and is not counted.
  const costs: Cost[] = [];
  for (const [i, size] of SIZES.entries()) {
    if (i === 0) await measure(redis.url, `${prefixes[0]}-warm`, size);
    costs.push(await measure(redis.url, prefixes[i], size));
  }
  const [small, , large] = costs;
  verdict("processor time a node, 100,000 / 1,000", large.cpu / small.cpu, "≤", 1.5);
  verdict("memory a node in the queue, 100,000 / 1,000", large.memory / small.memory, "≤", 1.5);
  await redis.clear(`${prefixes[0]}-warm`, ...prefixes);
}
