import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");

/** Collects all garbage. */
export const collectGarbage = runInNewContext("gc") as () => void;

/** The memory that is in use after a collection, in bytes: how much garbage waits for one depends on the machine. */
export function heapInUse(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}
