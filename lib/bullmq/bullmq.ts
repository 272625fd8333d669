import { checkDuration, checkNonEmptyString, checkOptions, requireOptions, type Rules } from "../base/check.js";
import { MAX_TIMEOUT } from "../base/timer.js";
import type { ServiceQueue } from "../service/queue.js";
import { brokerOf, type BullmqConnection, checkConnection } from "./brokers/connection.js";
import { loadBullMq } from "./brokers/packages.js";
import { TicketQueue } from "./tickets/ticket-queue.js";

/** The options of {@link bullmq}. */
export interface BullmqOptions {
  /**
   * A Redis, as its address (`redis://…`), options or an instance of ioredis; or a Postgres, as its address
   * (`postgres://…`), options of pg with a `connectionString`, and perhaps a `schema`, or a pool, whose schema is set up.
   * An instance of ioredis is duplicated. What is passed in is not closed.
   */
  connection: BullmqConnection;
  /** Where the keys of a Redis begin, in braces for a cluster; not for Postgres. @defaultValue "dagwright" */
  prefix?: string | undefined;
  /**
   * How often each service looks in the store for runs that BullMQ does not have, in ms: those of clients without this
   * queue, and all after a Redis has lost its data. @defaultValue 5000
   */
  repairInterval?: number | undefined;
}

const DEFAULT_REPAIR_INTERVAL = 5000;

const RULES: Rules<BullmqOptions> = {
  connection: checkConnection,
  prefix: checkNonEmptyString,
  repairInterval: (option, interval) => checkDuration(option, interval, 1, MAX_TIMEOUT),
};

/**
 * Brings the runs of a store to its services through BullMQ, for the option `queue` of services and clients. The store
 * keeps them, and decides who drives them; all guarantees are the same. Needs the package bullmq, and ioredis or pg.
 * @throws {TypeError} | {RangeError} naming the option, its rule and the value received; {StoreError} STORE when a package
 *   is missing
 */
export function bullmq(options: BullmqOptions): ServiceQueue {
  checkOptions(options, RULES, "bullmq");
  requireOptions(options, ["connection"], RULES);
  const { connection, prefix, repairInterval = DEFAULT_REPAIR_INTERVAL } = options;
  const connect = brokerOf(connection, prefix);
  const { Job } = loadBullMq();
  return { open: (runs) => new TicketQueue(runs, connect(), Job, repairInterval) };
}
