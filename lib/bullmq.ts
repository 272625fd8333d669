/** `dagwright/bullmq`: through BullMQ, on Redis or Postgres: the runs of services, and the nodes of runs. */
export { bullmq, type BullmqOptions } from "./bullmq/bullmq.js";
export { remote, type RemoteBackend, type RemoteOptions } from "./bullmq/remote/remote.js";
export { RemoteWorker, worker, type WorkerCloseOptions, type WorkerOptions } from "./bullmq/remote/worker.js";
export type { BullmqConnection } from "./bullmq/brokers/connection.js";
export type { ServiceQueue } from "./service/queue.js";
