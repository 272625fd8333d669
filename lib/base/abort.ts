import { whenSettled } from "./coroutine.js";

type Listener = (reason: unknown) => void;

/** Who listens to a signal. They share one listener: Node takes more than ten on one signal for a leak, and warns. */
const audiences = new WeakMap<AbortSignal, Audience>();

class Audience {
  private readonly listeners = new Set<Listener>();

  constructor(private readonly signal: AbortSignal) {}

  add(listener: Listener): void {
    if (this.listeners.size === 0) this.signal.addEventListener("abort", this.tell, { once: true });
    this.listeners.add(listener);
  }

  delete(listener: Listener): void {
    if (this.listeners.delete(listener) && this.listeners.size === 0)
      this.signal.removeEventListener("abort", this.tell);
  }

  private readonly tell = (): void => {
    const reason = reasonOf(this.signal);
    for (const listener of this.listeners) listener(reason);
  };
}

/**
 * Calls `listener` once when `signal` aborts, at once when it already has.
 * @returns a function that takes the listener off again, so that a long-lived signal keeps nothing of a finished run
 */
export function onAbort(signal: AbortSignal, listener: Listener): () => void {
  if (signal.aborted) {
    listener(reasonOf(signal));
    return () => {};
  }
  const audience = audienceOf(signal);
  audience.add(listener);
  return () => audience.delete(listener);
}

function audienceOf(signal: AbortSignal): Audience {
  let audience = audiences.get(signal);
  if (audience === undefined) audiences.set(signal, (audience = new Audience(signal)));
  return audience;
}

/** A signal of somebody else's making may be unable to say. */
function reasonOf(signal: AbortSignal): unknown {
  try {
    return signal.reason;
  } catch (error) {
    return error;
  }
}

/** An abort signal that exists only once somebody asks for it: creating one costs more than running a small node. */
export class LazyAbort {
  private controller: AbortController | undefined = undefined;
  private cause: { readonly reason: unknown } | undefined = undefined;
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
      // It is up to users how many functions listen to it.
      process.getBuiltinModule("node:events").setMaxListeners(0, this.controller.signal);
      if (this.cause !== undefined) this.controller.abort(this.cause.reason);
    }
    return this.controller.signal;
  }

  /** Aborts with the first reason given; later calls change nothing. */
  abort(reason: unknown): void {
    if (this.cause !== undefined) return;
    this.cause = { reason };
    this.controller?.abort(reason);
    this.listener?.();
    this.interrupt?.(reason);
  }

  /** Calls one listener when this aborts, as an event emitter would: for those who take one in place of a signal. */
  once(_: "abort", listener: () => void): void {
    this.listener = listener;
  }

  removeListener(): void {
    this.listener = undefined;
  }

  /**
   * Settles as `work` does, or rejects with the reason as soon as this aborts. Work that is given up goes on unheard:
   * its result is dropped, its rejection handled. One work at a time.
   */
  race<T>(work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.interrupt = reject;
      whenSettled(work, resolve, reject);
      if (this.cause !== undefined) reject(this.cause.reason);
    });
  }
}
