/** `dagwright/bullmq`: a queue of services in BullMQ, on Redis or Postgres. */
export { bullmq, type BullmqOptions } from "./bullmq/bullmq.js";
export type { BullmqConnection } from "./bullmq/brokers/connection.js";
export type { ServiceQueue } from "./service/queue.js";
