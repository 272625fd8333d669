import { whenSettled } from "./coroutine.js";

type Listener = (reason: unknown) => void;

/**
 * The listeners of each signal. They share a single `abort` handler, since Node warns of a memory leak when a signal
 * has more than ten.
 */
const sharedHandlers = new WeakMap<AbortSignal, SharedHandler>();

class SharedHandler {
  private readonly listeners = new Set<Listener>();

  constructor(private readonly signal: AbortSignal) {}

  add(listener: Listener): void {
    if (this.listeners.size === 0) this.signal.addEventListener("abort", this.notify, { once: true });
    this.listeners.add(listener);
  }

  delete(listener: Listener): void {
    if (this.listeners.delete(listener) && this.listeners.size === 0)
      this.signal.removeEventListener("abort", this.notify);
  }

  private readonly notify = (): void => {
    const reason = reasonOf(this.signal);
    for (const listener of this.listeners) listener(reason);
  };
}

/**
 * Calls `listener` once when `signal` aborts, or immediately when it already has.
 * @returns a function that removes the listener, so that a long-lived signal does not keep a finished run in memory
 */
export function onAbort(signal: AbortSignal, listener: Listener): () => void {
  if (signal.aborted) {
    listener(reasonOf(signal));
    return () => {};
  }
  const handler = handlerOf(signal);
  handler.add(listener);
  return () => handler.delete(listener);
}

function handlerOf(signal: AbortSignal): SharedHandler {
  let handler = sharedHandlers.get(signal);
  if (handler === undefined) sharedHandlers.set(signal, (handler = new SharedHandler(signal)));
  return handler;
}

/** The reason of a signal. Reading a user-implemented signal may throw. */
function reasonOf(signal: AbortSignal): unknown {
  try {
    return signal.reason;
  } catch (error) {
    return error;
  }
}

/** An abort controller that creates its signal on first use: creating one costs more than running a small node. */
export class LazyAbort {
  private controller: AbortController | undefined = undefined;
  private cause: { readonly reason: unknown } | undefined = undefined;
  /** What the signal says. */
  private told: { readonly reason: unknown } | undefined = undefined;
  private listeners: Set<Listener> | undefined = undefined;
  private interrupt: ((reason: unknown) => void) | undefined = undefined;
  private listener: (() => void) | undefined = undefined;

  get aborted(): boolean {
    return this.cause !== undefined;
  }

  get reason(): unknown {
    return this.cause?.reason;
  }

  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      // Users may add any number of listeners.
      process.getBuiltinModule("node:events").setMaxListeners(0, this.controller.signal);
      if (this.told !== undefined) this.controller.abort(this.told.reason);
    }
    return this.controller.signal;
  }

  /** Aborts with the first reason given; later calls have no effect. */
  abort(reason: unknown): void {
    if (this.cause !== undefined) return;
    this.cause = { reason };
    this.tell(reason);
    this.listener?.();
    this.interrupt?.(reason);
  }

  /** Aborts the signal and notifies the listeners, while the work goes on and {@link LazyAbort.race} waits for it. */
  tell(reason: unknown): void {
    if (this.told !== undefined) return;
    this.told = { reason };
    this.controller?.abort(reason);
    for (const listener of this.listeners ?? []) listener(reason);
  }

  /** As {@link onAbort}, without creating the signal. */
  listen(listener: Listener): () => void {
    if (this.told !== undefined) {
      listener(this.told.reason);
      return () => {};
    }
    const listeners = (this.listeners ??= new Set());
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Sets the one listener, with an event emitter's signature, for code that accepts an emitter instead of a signal. */
  once(_: "abort", listener: () => void): void {
    this.listener = listener;
  }

  removeListener(): void {
    this.listener = undefined;
  }

  /**
   * Settles like `work`, or rejects with the reason as soon as this aborts. Does not stop the work itself: its result
   * is dropped, and its rejection is handled. Supports one race at a time.
   */
  race<T>(work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.interrupt = reject;
      whenSettled(work, resolve, reject);
      if (this.cause !== undefined) reject(this.cause.reason);
    });
  }
}
