import { label, show, type OptionName } from "../../base/check.js";
import type { Broker } from "./broker.js";
import { PostgresBroker } from "./postgres-broker.js";
import { RedisBroker } from "./redis-broker.js";

/**
 * What BullMQ takes as a connection: options of ioredis, an instance of it, options of a pool of pg with a
 * `connectionString`, or a pool; or the address of either.
 */
export type BullmqConnection = string | object;

/** @returns how to connect @throws {TypeError} for a prefix in Postgres; {StoreError} saying what to install */
export function brokerOf(connection: BullmqConnection, prefix: string | undefined): () => Broker {
  refusePrefix(connection, prefix);
  return isPostgres(connection) ? PostgresBroker.to(connection) : RedisBroker.to(connection, prefix);
}

/** @throws {TypeError} for a prefix in Postgres */
export function refusePrefix(connection: BullmqConnection, prefix: string | undefined): void {
  if (prefix === undefined || !isPostgres(connection)) return;
  throw new TypeError(
    `"prefix" is for Redis: Postgres has schemas instead, { connectionString, schema }. Received ${show(prefix)}.`,
  );
}

const POSTGRES = /^postgres(?:ql)?:\/\//u;
const REDIS = /^rediss?:\/\//u;

/** A pool of pg, its options, or an address. */
export function isPostgres(connection: BullmqConnection): boolean {
  if (typeof connection === "string") return POSTGRES.test(connection);
  if ("connectionString" in connection) return true;
  return ["connect", "query", "end"].every((method) => typeof connection[method as never] === "function");
}

/** @throws {TypeError} unless it is a connection */
export function checkConnection(option: OptionName, connection: unknown): void {
  if (typeof connection === "string" && (REDIS.test(connection) || POSTGRES.test(connection))) return;
  if (typeof connection === "object" && connection !== null) {
    if (isPlain(connection) || isRedis(connection) || isPostgres(connection)) return;
  }
  throw new TypeError(
    `${label(option)} must be the address of a Redis or Postgres, options or an instance of ioredis, or options with a "connectionString" or a pool of pg; received ${show(connection)}.`,
  );
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** Whether it is an instance of ioredis, of any version. */
function isRedis(value: object): boolean {
  return ["duplicate", "defineCommand"].every((method) => typeof value[method as never] === "function");
}
