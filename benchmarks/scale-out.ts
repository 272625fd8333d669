/**
 * How much faster is a dag of CPU-bound remote nodes on two worker processes than on one?
 *
 * Runs 60 nodes of about 20 ms through a Redis, with one worker process and with two, which execute one node at a time each.
 * They take turns. Needs two idle cores.
 */
import { remote } from "dagwright/bullmq";
import { compare, expectSame, round, verdict } from "./measure.js";
import { redisServer } from "./redis-server.js";
import { sum } from "./shapes.js";
import { busy, REMOTE, remoteDag, type DagName } from "./workers/dags.js";
import { startWorker } from "./workers/start.js";

const NODES = 60;
const SAMPLES = 5;
const HEAVY: DagName = ["heavy", NODES];

async function measure(url: string, prefixes: readonly [one: string, two: string]): Promise<void> {
  const dag = remoteDag(HEAVY);
  const expected = NODES * busy();
  const contender = async (prefix: string, workers: number) => {
    const what = { place: { url, prefix, queue: REMOTE }, dags: [HEAVY], concurrency: 1 };
    const ends = await Promise.all(Array.from({ length: workers }, () => startWorker(what)));
    const backend = remote({ connection: url, queue: REMOTE, prefix });
    return {
      run: async () => {
        const { results } = await dag.run({ mode: "hybrid", backends: { [REMOTE]: backend } });
        expectSame(sum(Object.values(results)), expected, dag.name);
      },
      close: async () => {
        await backend.close();
        await Promise.all(ends.map((end) => end()));
      },
    };
  };
  const one = await contender(prefixes[0], 1);
  const two = await contender(prefixes[1], 2);
  const { ours, theirs, ratio } = await compare(SAMPLES, one.run, two.run, 2);
  console.log(`${NODES} CPU-bound nodes: ${round(ours)} ms on one worker, ${round(theirs)} ms on two`);
  verdict("CPU-bound remote nodes, one worker / two", ratio, "≥", 1.8);
  await one.close();
  await two.close();
}

const prefixes = [`dagwright-bench-${process.pid}-one`, `dagwright-bench-${process.pid}-two`] as const;
const redis = await redisServer();
if (redis.url === undefined) console.log(redis.missing);
else {
  await measure(redis.url, prefixes);
  await redis.clear(...prefixes);
}
