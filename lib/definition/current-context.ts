import type { AsyncLocalStorage } from "node:async_hooks";
import { processWide } from "../base/process-wide.js";
import { warn } from "../base/warning.js";
import type { Context } from "./context.js";

/** A run, as {@link getContext} sees it. */
export interface ContextSource {
  /** Whether it is calling a function, which it noted before there was a storage. */
  readonly isCalling: boolean;
  /** The context of that function. */
  readonly calledContext: Context;
}

/**
 * Whose function is calling.
 *
 * Until it is first asked for, a run only notes which function it calls. From then on, an `AsyncLocalStorage` follows the
 * calls beyond their awaits. It slows down every promise of the process, and on Node 20 and 22 for good.
 */
interface Current {
  storage: AsyncLocalStorage<Context> | undefined;
  /** The run that has called a function last. */
  source: ContextSource | undefined;
  /** The number of runs in progress. */
  runs: number;
  /** Called when a context is asked for and none is known; throws if there should be one. */
  onMissing: (() => void) | undefined;
}

export const current = processWide<Current>("context", () => ({
  storage: undefined,
  source: undefined,
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
  const { source } = current;
  if (source?.isCalling === true) {
    const context = source.calledContext;
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

/** Starts to follow the calls of nodes' functions. */
export function followContexts(): AsyncLocalStorage<Context> {
  return (current.storage ??= new (process.getBuiltinModule("node:async_hooks").AsyncLocalStorage)<Context>());
}

/** Calls a node's function, with its context as the current one. */
export function callWith(
  context: Context,
  { fn, self }: { readonly fn: (...args: any[]) => unknown; readonly self: unknown },
  args: readonly unknown[],
): unknown {
  const { storage, source } = current;
  if (storage !== undefined) return storage.run(context, () => fn.apply(self, args as unknown[]));
  current.source = { isCalling: true, calledContext: context };
  try {
    return fn.apply(self, args as unknown[]);
  } finally {
    current.source = source;
    endCall();
  }
}

/** Returns to the function in progress before, if there is one: the stack is that of another run again. */
export function returnTo(source: ContextSource | undefined): void {
  if (source?.isCalling === true) current.source = source;
}

/** A run is over. */
export function forget(source: ContextSource): void {
  if (current.source === source && !source.isCalling) current.source = undefined;
}

/** A function has returned that was called without a storage. It may have asked for its context. */
export function endCall(): void {
  current.storage?.enterWith(undefined as never);
}
