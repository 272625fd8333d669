import type { AsyncLocalStorage } from "node:async_hooks";
import { processWide } from "../base/process-wide.js";
import { warn } from "../base/warning.js";
import type { Context } from "./context.js";

/** A run, as {@link getContext} sees it. */
export interface ContextSource {
  /** The context of a node whose function is being called. */
  contextOf(node: number): Context;
}

/**
 * The node whose function is calling.
 *
 * Until someone asks for it, a run only notes which function it calls. From then on, an `AsyncLocalStorage` follows the
 * calls beyond their awaits. It slows down every promise of the process, and on Node 20 and 22 for good.
 */
interface Current {
  storage: AsyncLocalStorage<Context> | undefined;
  /** The function in progress on this stack, if it was called before there was a storage. */
  source: ContextSource | undefined;
  node: number;
  /** The number of runs in progress. */
  runs: number;
  /** Called when a context is asked for and none is known; throws if there should be one. */
  onMissing: (() => void) | undefined;
}

export const current = processWide<Current>("context", () => ({
  storage: undefined,
  source: undefined,
  node: -1,
  runs: 0,
  onMissing: undefined,
}));

/**
 * The context of the node or state whose function is calling; elsewhere undefined.
 *
 * It is known from then on that contexts are asked for, so the first call of a process may come too late: after an
 * `await` in a function that was called before. A function that names `getContext` in its own source is expected to
 * call it. So only a helper that nodes call after their awaits has to see to it that this is not the first call: it
 * calls `getContext()` once when its module is loaded.
 */
export function getContext(): Context | undefined {
  const known = current.storage?.getStore();
  if (known !== undefined) return known;
  const { source, node } = current;
  if (source !== undefined) {
    const context = source.contextOf(node);
    followContexts().enterWith(context);
    return context;
  }
  current.onMissing?.();
  if (current.storage === undefined && current.runs > 0) {
    const message =
      "getContext() was called for the first time while runs were in progress. It can't tell what they had called before. " +
      "If a node called it after an await, call getContext() once in a module that is loaded before the run.";
    warn(message, "DagwrightWarning");
  }
  followContexts();
  return undefined;
}

/** Follows the calls of nodes' functions from now on. */
export function followContexts(): AsyncLocalStorage<Context> {
  return (current.storage ??= new (process.getBuiltinModule("node:async_hooks").AsyncLocalStorage)<Context>());
}

class Known implements ContextSource {
  constructor(private readonly context: Context) {}

  contextOf(): Context {
    return this.context;
  }
}

/** Calls a node's function, with its context as the current one. */
export function callWith(
  context: Context,
  { fn, self }: { readonly fn: (...args: any[]) => unknown; readonly self: unknown },
  args: readonly unknown[],
): unknown {
  const { storage, source, node } = current;
  if (storage !== undefined) return storage.run(context, () => fn.apply(self, args as unknown[]));
  current.source = new Known(context);
  try {
    return fn.apply(self, args as unknown[]);
  } finally {
    leave(source, node);
  }
}

/** Returns to the function in progress before, if any. */
export function leave(source: ContextSource | undefined, node: number): void {
  current.source = source;
  current.node = node;
  // The function has asked for its context.
  if (current.storage !== undefined) current.storage.enterWith(undefined as never);
}
