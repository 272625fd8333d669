/** Bare BullMQ, with the options that remote nodes have. */
import {
  createPostgresBackend,
  createRedisBackend,
  Queue,
  QueueEvents,
  Worker,
  type Job,
  type Processor,
} from "bullmq";
import { randomUUID } from "node:crypto";
import { compute, sum, type Shape } from "../shapes.js";

/** Where a queue is. */
export interface Place {
  /** The address of a Redis or Postgres. */
  readonly url: string;
  /** Of the keys in a Redis; undefined for a Postgres. */
  readonly prefix: string | undefined;
  readonly queue: string;
}

type Numbers = readonly number[];

/** How long a worker has a job, in ms, and how long jobs are kept, in s. */
const LOCK = 6000;
const KEPT = { age: 3600 };

const factoryOf = ({ prefix }: Place) => (prefix === undefined ? createPostgresBackend : createRedisBackend) as never;

function optionsOf({ url, prefix }: Place): object {
  if (prefix === undefined) return { connection: { connectionString: url, max: 4, migrate: true } };
  return { prefix, connection: { url, maxRetriesPerRequest: null } };
}

/** A worker that computes what the nodes of shapes do. */
export async function bareWorker(place: Place, concurrency: number): Promise<void> {
  const work: Processor<Numbers, number> = async ({ data }) => compute(...data);
  const options = { ...optionsOf(place), concurrency, lockDuration: LOCK, maxStalledCount: 0 };
  const worker = new Worker(place.queue, work, options as never, factoryOf(place));
  worker.on("error", (error) => console.error(error));
  await worker.waitUntilReady();
}

/** How long no result may come until all are asked for, in ms. */
const QUIET = 100;

/** A queue whose jobs workers execute. */
export class BareQueue {
  private readonly queue: Queue<Numbers, number>;
  private readonly events: QueueEvents;
  /** The jobs without a result, and what takes it. */
  private readonly pending = new Map<Job<Numbers, number>, (result: number) => void>();
  private settledAt = 0;
  private readonly watch: NodeJS.Timeout;

  constructor(place: Place) {
    this.queue = new Queue<Numbers, number>(place.queue, optionsOf(place) as never, factoryOf(place));
    this.events = new QueueEvents(place.queue, optionsOf(place) as never, factoryOf(place));
    this.queue.setMaxListeners(0);
    // Events before the first read are never heard, nor are those in Postgres that are committed out of order.
    this.watch = setInterval(() => void this.ask(), QUIET);
  }

  async ready(): Promise<void> {
    await this.queue.waitUntilReady();
    await this.events.waitUntilReady();
  }

  /** The result of a job. */
  async call(data: Numbers): Promise<number> {
    const options = { jobId: randomUUID(), removeOnComplete: KEPT, removeOnFail: KEPT };
    const job = await this.queue.add("node", data, options);
    const asked = new Promise<number>((resolve) => this.pending.set(job, resolve));
    const result = await Promise.race([job.waitUntilFinished(this.events), asked]);
    this.pending.delete(job);
    this.settledAt = performance.now();
    return result;
  }

  /** The sum of the results of a graph, each node of which is a job. */
  async run(shape: Shape): Promise<number> {
    const pending: Promise<number>[] = [];
    for (const needs of shape) {
      pending.push(Promise.all(needs.map((need) => pending[need])).then((args) => this.call(args)));
    }
    return sum(await Promise.all(pending));
  }

  async close(): Promise<void> {
    clearInterval(this.watch);
    await Promise.all([this.queue.close(), this.events.close()]);
  }

  private async ask(): Promise<void> {
    if (performance.now() - this.settledAt < QUIET) return;
    for (const [job, resolve] of this.pending) {
      const found = await this.queue.getJob(job.id as string);
      if (found?.finishedOn !== undefined) resolve(found.returnvalue);
    }
  }
}
