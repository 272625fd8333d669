import { label, show, type OptionName } from "./check.js";
import { abandon, pendingOf, whenSettled } from "./coroutine.js";
import { deferred } from "./deferred.js";
import { tryOr } from "./safe-access.js";
import { Timer } from "./timer.js";

/** The part of a Web `ReadableStream` that reads it. */
export interface WebStream<T> {
  getReader(): WebReader<T>;
}

interface WebReader<T> {
  read(): Promise<{ done: boolean; value?: T | undefined }>;
  cancel(reason?: unknown): Promise<void>;
  releaseLock(): void;
}

/** Where values can be pulled from: an iterable, an async iterable (such as a Node `Readable`), a `ReadableStream`. */
export type Source<T> = AsyncIterable<T> | Iterable<T | PromiseLike<T>> | WebStream<T>;

/** How long one that leaves waits for a source that is still producing a value, in ms. */
export const GRACE = 1000;

/** @throws {TypeError} unless values can be pulled from it. A string is none, since its characters are hardly meant. */
export function checkSource(what: string | OptionName, source: unknown): void {
  const isSource = typeof source !== "string" && tryOr(() => opening(source) !== undefined, false);
  if (isSource) return;
  const rule = "must be an iterable, an async iterable, a Readable or a ReadableStream";
  throw new TypeError(`${label(what)} ${rule}; received ${show(source)}.`);
}

type Opening = "reader" | "asyncIterator" | "iterator";

function opening(source: unknown): Opening | undefined {
  if (source === null || source === undefined) return undefined;
  const { getReader } = source as Partial<WebStream<unknown>>;
  const { [Symbol.asyncIterator]: asyncIterator } = source as Partial<AsyncIterable<unknown>>;
  const { [Symbol.iterator]: iterator } = source as Partial<Iterable<unknown>>;
  if (typeof getReader === "function") return "reader";
  if (typeof asyncIterator === "function") return "asyncIterator";
  return typeof iterator === "function" ? "iterator" : undefined;
}

/** Pulls values out of a source one by one, and ends it. The source is opened by the first of these calls. */
export class PulledSource<T> {
  private lazyInner: Inner<T> | undefined = undefined;
  private pending: Promise<unknown> | undefined = undefined;
  /** Whether the source has ended by itself or was closed. */
  private hasEnded = false;

  constructor(private readonly source: Source<T>) {}

  /**
   * The next value, at once if the source is synchronous. Call it again only when the last one has settled.
   * @throws what the source throws, which ends it
   */
  next(): IteratorResult<T, unknown> | Promise<IteratorResult<T, unknown>> {
    try {
      const result = this.inner.next();
      const pending = pendingOf(result);
      return pending === undefined ? this.pulled(result as IteratorResult<T>) : this.pulledLater(pending);
    } catch (error) {
      this.hasEnded = true;
      throw error;
    }
  }

  /**
   * Ends the source, unless it has ended. Resolves when it has, its `finally` included. One that is still producing a
   * value can end only after that, and gets a second for it; what it throws later goes to `onLateError`.
   * @throws what the source throws as it ends
   */
  async close(onLateError: (error: unknown) => void): Promise<void> {
    if (this.hasEnded) return;
    this.hasEnded = true;
    const { pending } = this;
    const closing = this.closeInner();
    if (pending === undefined) return closing;
    abandon(pending);
    const late = deferred<"late">();
    const timer = Timer.after(GRACE, () => late.resolve("late"));
    const outcome = await Promise.race([closing, late.promise]).finally(() => timer.stop());
    if (outcome === "late") closing.catch(onLateError);
  }

  private get inner(): Inner<T> {
    return (this.lazyInner ??= open(this.source));
  }

  private async closeInner(): Promise<void> {
    await this.inner.close();
  }

  private pulledLater(pending: Promise<IteratorResult<T>>): Promise<IteratorResult<T>> {
    this.pending = pending;
    return new Promise((resolve, reject) => {
      const failed = (error: unknown) => {
        this.pending = undefined;
        this.hasEnded = true;
        reject(error);
      };
      const arrived = (result: IteratorResult<T>) => {
        this.pending = undefined;
        try {
          resolve(this.pulled(result));
        } catch (error) {
          failed(error);
        }
      };
      whenSettled(pending, arrived, failed);
    });
  }

  private pulled(result: IteratorResult<T>): IteratorResult<T> {
    if (typeof result !== "object" || result === null) {
      throw new TypeError(`Its next() must return { done, value }; it returned ${show(result)}.`);
    }
    if (result.done === true) this.hasEnded = true;
    return result;
  }
}

interface Inner<T> {
  next(): IteratorResult<T> | PromiseLike<IteratorResult<T>>;
  close(): unknown;
}

function open<T>(source: Source<T>): Inner<T> {
  switch (opening(source)) {
    case "reader": {
      const reader = (source as WebStream<T>).getReader();
      // Unlike the stream's iterator, a reader can be cancelled while it waits.
      return {
        async next() {
          const result = await reader.read();
          if (result.done) reader.releaseLock();
          return result as IteratorResult<T>;
        },
        async close() {
          await reader.cancel();
          reader.releaseLock();
        },
      };
    }
    case "asyncIterator": {
      const iterator = (source as AsyncIterable<T>)[Symbol.asyncIterator]();
      const close = () => {
        if (isNodeStream(source)) source.destroy();
        return iterator.return?.();
      };
      return { next: () => iterator.next(), close };
    }
    default:
      return openSync((source as Iterable<T | PromiseLike<T>>)[Symbol.iterator]());
  }
}

/** As `for await`, waits for values that are promises. */
function openSync<T>(iterator: Iterator<T | PromiseLike<T>>): Inner<T> {
  const next = () => {
    const result = iterator.next();
    const pending = result.done === true ? undefined : pendingOf(result.value);
    return pending === undefined ? (result as IteratorResult<T>) : awaited(pending);
  };
  const awaited = async (pending: PromiseLike<T>): Promise<IteratorResult<T>> => {
    try {
      return { done: false, value: await pending };
    } catch (error) {
      iterator.return?.();
      throw error;
    }
  };
  return { next, close: () => iterator.return?.() };
}

interface NodeStream {
  destroy(): unknown;
}

/** Whether it is a Node stream, which can be destroyed even while its iterator waits. */
function isNodeStream(source: unknown): source is NodeStream {
  const { destroy, pipe } = source as Record<string, unknown>;
  return typeof destroy === "function" && typeof pipe === "function";
}
