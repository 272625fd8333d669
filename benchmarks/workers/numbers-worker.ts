/** A process that executes nodes of `remote-cost.ts`, and jobs of a queue of plain BullMQ. Tells its processor time when asked. */
import { Worker } from "bullmq";
import { worker } from "dagwright/bullmq";
import { JOBS, increment, NODES, numbers, SLOTS } from "./numbers.js";

const [, , url, prefix] = process.argv;
const connection = { url };
const nodes = worker({ connection: url, queue: NODES, prefix, workflows: [numbers(0)], concurrency: SLOTS });
const jobs = new Worker<number>(JOBS, async ({ data }) => increment(data), { connection, prefix, concurrency: SLOTS });
await Promise.all([nodes.ready(), jobs.waitUntilReady()]);
process.on("message", () => process.send?.(process.cpuUsage()));
process.send?.("ready");
