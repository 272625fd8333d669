import type { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate } from "../base/turn.js";
import type { Holder } from "./holder.js";

let storage: AsyncLocalStorage<Holder> | undefined;
/** How many holders are being called for. */
let inFlight = 0;
let isEnding = false;

/** Who calls this code: the node whose function or hook it is part of, if that holds anything. */
export function callerNow(): Holder | undefined {
  return inFlight === 0 ? undefined : storage?.getStore();
}

/**
 * Calls `work` for a node, so that the runs it begins are known to be on its behalf, until {@link called}.
 *
 * In Node 20 and 22 every promise of the process takes longer while async contexts are in use, and so they are only used meanwhile.
 */
export function callFor<T>(holder: Holder, work: () => T): T {
  if (!holder.isCalling) {
    holder.isCalling = true;
    inFlight++;
  }
  storage ??= new (process.getBuiltinModule("node:async_hooks").AsyncLocalStorage)<Holder>();
  return storage.run(holder, work);
}

/** What was called for the node has ended. */
export function called(holder: Holder): void {
  if (!holder.isCalling) return;
  holder.isCalling = false;
  if (--inFlight > 0 || isEnding) return;
  isEnding = true;
  setImmediate(() => {
    isEnding = false;
    if (inFlight === 0) storage?.disable();
  });
}
