/** Workflows for specs of threads that can't be terminated. Workers import them. */
import { pbkdf2Sync } from "node:crypto";
import { openSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
import { Dag } from "dagwright";

/** A flag for threads to set. */
export const newFlag = () => new Int32Array(new SharedArrayBuffer(4));

/** A node in native code: opening a pipe blocks until something writes to it. */
export const opening = new Dag("opening");
opening.node("opens", (pipe: string, flag: Int32Array) => {
  Atomics.store(flag, 0, 1);
  return openSync(pipe, "r");
});

/** A node in native code, for as long as the iterations take. */
export const hashing = new Dag("hashing");
hashing.node("hashes", (iterations: number, flag: Int32Array) => {
  Atomics.store(flag, 0, 1);
  return pbkdf2Sync("password", "salt", iterations, 64, "sha512");
});

export const next = new Dag("next");
next.node("where", (flag: Int32Array) => {
  Atomics.store(flag, 0, 1);
  return isMainThread;
});
