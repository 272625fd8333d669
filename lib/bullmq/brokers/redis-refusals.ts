import { messageOf } from "../../base/message.js";

/** What passes by itself: Redis starts, moves keys to another node, waits for its primary, or has too many clients. */
const PASSING =
  /\b(?:LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|NOREPLICAS|UNBLOCKED|max number of clients)\b/u;

/** What to do about what Redis refuses. In a script, the code is not the first word. */
const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [/NOAUTH|WRONGPASS|invalid password|Client sent AUTH/u, `Check user and password in "connection" of bullmq().`],
  [/NOPERM/u, `Let its user call the commands of BullMQ, on all keys that begin with the "prefix" of bullmq().`],
  [/READONLY/u, `It is a replica. Give "connection" of bullmq() the address of the primary.`],
  [/OOM/u, `Raise its "maxmemory", or use a Redis of its own.`],
  [/MISCONF/u, "It can't write to its disk, and its log says why. Make room there."],
  [/WRONGTYPE/u, `Others use these keys. Give bullmq() another "prefix".`],
  [/CROSSSLOT/u, `Put the "prefix" of bullmq() in braces, as a cluster needs it: "{dagwright}".`],
  [/unknown command|unknown subcommand/u, "Use a Redis that has all commands which BullMQ needs."],
];

const OTHERWISE = `Check "connection" of bullmq().`;

/** A Redis that is too old for BullMQ, which says so itself. */
const VERSION = /Redis version needs to be/u;

/** What to do about what a Redis refuses, and would refuse again; undefined for an outage. */
export function redisRemedy(error: unknown): string | undefined {
  const message = messageOf(error);
  if (VERSION.test(message)) return "Update it.";
  if (!(error instanceof Error) || error.name !== "ReplyError" || PASSING.test(message)) return undefined;
  return REMEDIES.find(([pattern]) => pattern.test(message))?.[1] ?? OTHERWISE;
}

/** Whether a connection leads to a replica: after a failover, another one may lead to the primary. */
export function leadsToReplica(error: Error): boolean {
  return /\bREADONLY\b/u.test(error.message);
}
