/** Workflows for specs of threads that nothing can end: what workers import. */
import { pbkdf2Sync } from "node:crypto";
import { openSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
import { Dag } from "dagwright";

/** A flag, to be raised on a thread. */
export const newFlag = () => new Int32Array(new SharedArrayBuffer(4));

/** A node in native code: it opens a pipe, which lasts until somebody writes to that. */
export const opening = new Dag("opening");
opening.node("opens", (pipe: string, flag: Int32Array) => {
  Atomics.store(flag, 0, 1);
  return openSync(pipe, "r");
});

/** A node in native code for as long as so many iterations take. */
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
