import type { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate } from "../base/event-loop.js";
import type { Holder } from "./holder.js";

let storage: AsyncLocalStorage<Holder | undefined> | undefined;
let tracked = 0;
let isDisabling = false;

/** The node whose function or hook is calling, if it is tracked. */
export function currentCaller(): Holder | undefined {
  if (tracked === 0) return undefined;
  let caller = storage?.getStore();
  // What a node that has ended has caused is part of the node that began its run.
  while (caller?.isTracked === false) ({ caller } = caller);
  return caller;
}

/** Whether what is called now would be a part of another node than `caller`. */
export function isPartOfOther(caller: Holder | undefined): boolean {
  return tracked > 0 && storage !== undefined && storage.getStore() !== caller;
}

/** Calls `work` as part of a node that has begun its run, or of none. */
export function asPartOf(caller: Holder | undefined, work: () => void): void {
  storage?.run(caller, work);
}

/**
 * Calls `work` as part of a node: runs that it begins have the node as their caller, until {@link untrack}.
 *
 * On Node 20 and 22 async contexts slow down every promise of the process, so they are disabled while nothing is
 * tracked.
 */
export function track<T>(holder: Holder, work: () => T): T {
  if (!holder.isTracked) {
    holder.isTracked = true;
    tracked++;
  }
  storage ??= new (process.getBuiltinModule("node:async_hooks").AsyncLocalStorage)<Holder>();
  return storage.run(holder, work);
}

/** Stops tracking a node whose attempt has ended. */
export function untrack(holder: Holder): void {
  if (!holder.isTracked) return;
  holder.isTracked = false;
  if (--tracked > 0 || isDisabling) return;
  isDisabling = true;
  setImmediate(() => {
    isDisabling = false;
    if (tracked === 0) storage?.disable();
  });
}
