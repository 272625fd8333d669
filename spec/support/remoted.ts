/** Workers and remote backends of specs, which are closed after each. */
import type { JobType } from "bullmq";
import { afterAll } from "vitest";
import { remote, worker, type BullmqConnection, type RemoteOptions, type WorkerOptions } from "dagwright/bullmq";

/** Where the queues of a spec are. */
export interface Broker {
  /** An address, or options with a `url`. */
  readonly connection: BullmqConnection;
  readonly prefix?: string;
}

let queues = 0;

/** A name that no other queue has. */
export const queueName = () => `spec-${process.pid}-${++queues}-${Math.random().toString(36).slice(2)}`;

/** What closes with the spec file. */
const open: { close(): Promise<void> }[] = [];

export function useRemote(options: RemoteOptions) {
  const made = remote(options);
  open.push(made);
  return made;
}

export function useWorker(options: WorkerOptions) {
  const made = worker(options);
  open.push(made);
  return made;
}

/** Closes all, the backends first. To be called at the top of a spec file. */
export function closeRemotes(): void {
  afterAll(async () => {
    await Promise.all(open.splice(0).map((each) => each.close()));
  });
}

/** How many jobs a queue has, in any state unless one is given. */
export async function countJobs(broker: Broker, name: string, state?: JobType): Promise<number> {
  const { createPostgresBackend, Queue } = await import("bullmq");
  const { connection, prefix = "dagwright" } = broker;
  const url = typeof connection === "string" ? connection : (connection as { readonly url: string }).url;
  const queue = url.startsWith("postgres")
    ? new Queue(name, { connection: { connectionString: url } as never }, createPostgresBackend as never)
    : new Queue(name, { connection: { url }, prefix });
  const counts = await queue.getJobCounts(...(state === undefined ? [] : [state]));
  await queue.close();
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
