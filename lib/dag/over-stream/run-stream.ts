import { LazyAbort, onAbort } from "../../base/abort.js";
import { pendingOf, whenSettled } from "../../base/coroutine.js";
import { deferred, type Deferred } from "../../base/deferred.js";
import { Strides } from "../../base/event-loop.js";
import { messageOf } from "../../base/message.js";
import { Queue } from "../../base/queue.js";
import { PulledSource, type Source } from "../../base/source.js";
import { warn } from "../../base/warning.js";
import type { RunResult } from "../../run/result.js";
import { itemFailed, notTaken, pausedAt, sourceFailed, streamCancelled } from "./errors.js";
import type { StreamInput, StreamOptions } from "./options.js";

/** An item of a stream, and the run that took it. */
export interface StreamItem<T = unknown, R = RunResult> extends StreamInput<T> {
  readonly run: R;
}

/** Called once when the run of an item has ended. Without a result, it did not begin. */
export type ItemEnd = (run: RunResult<any> | undefined, error: unknown) => void;

/** The runs of a stream. */
export interface StreamRuns {
  readonly workflow: string;
  /**
   * Runs the dag on an item. `onEnd` may be called before this returns.
   * @param abort - aborts when the stream ends early
   * @throws what the run is refused with
   */
  start(item: StreamInput, abort: LazyAbort, onEnd: ItemEnd): void;
  /** A promise that never settles, at the top level of a module that a worker imports; elsewhere undefined. */
  never(): Promise<never> | undefined;
}

export type RunStreamOptions = Pick<
  StreamOptions<any>,
  "concurrency" | "ordered" | "onItemError" | "deadLetter" | "values" | "signal"
>;

/** The outcome of an item that has left the pipeline: a value for the reader, or the error that ends the stream. */
type Told = { readonly value: unknown } | { readonly error: unknown };
type Outcome = Told | "dropped";

interface Entry extends StreamInput {
  outcome: Outcome | undefined;
}

const DEFAULT_CONCURRENCY = 16;

/**
 * A dag over a stream: the results of one run an item, for `for await`.
 *
 * Up to `concurrency` items are pulled ahead of the reader: in flight, or done and waiting to be read, the dropped ones
 * included. So the source is read only as fast as the results, and memory does not grow with the number of items.
 * Nothing is pulled before the first `next`.
 *
 * The stream ends with its source, or when the reader leaves, an item fails, the source throws or the signal aborts.
 * Runs in flight are then cancelled and the source is closed, before the reader is told, unless the signal aborted.
 */
export class RunStream implements AsyncIterator<unknown, undefined> {
  private readonly limit: number;
  private readonly isOrdered: boolean;
  private readonly source: PulledSource<unknown>;
  /** Cancels runs in flight. */
  private readonly abort = new LazyAbort();
  private readonly strides = new Strides();
  /** The entries to be read: in the order of items, or of their outcomes. */
  private readonly entries = new Queue<Entry>();
  private readonly readers = new Queue<Deferred<IteratorResult<unknown, undefined>>>();
  /** The number of items pulled. */
  private pulled = 0;
  /** The number of items that the reader got. */
  private read = 0;
  /** The number of items pulled and not yet read or dropped. */
  private ahead = 0;
  private inFlight = 0;
  private whenIdle: (() => void) | undefined = undefined;
  private isPulling = false;
  /** Whether there is nothing more to pull. */
  private isDry = false;
  /** The source's own error, reported after the items before it. */
  private sourceError: { readonly error: unknown } | undefined = undefined;
  private isOver = false;
  /** Settles when the readers have heard that the stream has ended. */
  private closing: Promise<void> | undefined = undefined;
  /** The error for the next reader, if the stream aborted while there was none. */
  private untold: { readonly error: unknown } | undefined = undefined;
  private removeListener: (() => void) | undefined = undefined;
  private hasBegun = false;

  constructor(
    private readonly runs: StreamRuns,
    source: Source<unknown>,
    private readonly options: RunStreamOptions,
  ) {
    this.limit = options.concurrency ?? DEFAULT_CONCURRENCY;
    this.isOrdered = options.ordered !== false;
    this.source = new PulledSource(source);
  }

  // --- the reader ---

  next(): Promise<IteratorResult<unknown, undefined>> {
    const { untold } = this;
    this.untold = undefined;
    if (untold !== undefined) return Promise.reject(untold.error);
    if (this.isOver) return this.ended();
    const never = this.runs.never();
    if (never !== undefined) return never;
    const ready = this.readers.size === 0 ? this.take() : undefined;
    if (ready !== undefined && "value" in ready) {
      this.pull();
      return Promise.resolve({ done: false, value: ready.value });
    }
    const reader = deferred<IteratorResult<unknown, undefined>>();
    this.readers.push(reader);
    this.begin();
    if (ready === undefined) this.advance();
    else this.fail(ready.error);
    return reader.promise;
  }

  /** The reader leaves. */
  async return(): Promise<IteratorResult<unknown, undefined>> {
    this.untold = undefined;
    if (this.isOver) return this.ended();
    this.end();
    try {
      await this.closeFor("the stream was left");
    } finally {
      this.releaseReaders();
    }
    return done();
  }

  /** The reader leaves with an error. @throws that error */
  async throw(error: unknown): Promise<never> {
    await this.return();
    throw error;
  }

  /** Answers a read after the end of the stream, once earlier reads have been answered and everything is closed. */
  private async ended(): Promise<IteratorReturnResult<undefined>> {
    await this.closing;
    return done();
  }

  private begin(): void {
    const { signal } = this.options;
    if (this.hasBegun) return;
    this.hasBegun = true;
    if (signal !== undefined) this.removeListener = onAbort(signal, (reason) => this.aborted(reason));
  }

  /** Answers waiting reads with finished items, and pulls more while there is room. */
  private advance(): void {
    this.deliver();
    this.pull();
  }

  /** Takes what the next reader gets, if it is ready. */
  private take(): Told | undefined {
    for (let entry = this.entries.first; entry !== undefined; entry = this.entries.first) {
      const { outcome } = entry.value;
      if (outcome === undefined) return undefined;
      this.entries.remove(entry);
      this.ahead--;
      if (outcome === "dropped") continue;
      if ("value" in outcome) this.read++;
      return outcome;
    }
    return undefined;
  }

  private deliver(): void {
    for (let reader = this.readers.first; reader !== undefined && !this.isOver; reader = this.readers.first) {
      const told = this.take();
      if (told === undefined) break;
      if ("error" in told) return this.fail(told.error);
      this.readers.remove(reader);
      reader.value.resolve({ done: false, value: told.value });
    }
    if (this.isOver || this.readers.size === 0 || !this.isDry || this.ahead > 0) return;
    if (this.sourceError !== undefined) return this.fail(this.sourceError.error);
    this.end();
    this.releaseReaders();
  }

  // --- the source ---

  private pull(): void {
    while (!this.isPulling && !this.isDry && !this.isOver && this.ahead < this.limit) {
      const turn = this.strides.nextTurn();
      this.isPulling = true;
      if (turn !== undefined) return void turn.then(() => this.pullAgain());
      let result: IteratorResult<unknown> | Promise<IteratorResult<unknown>>;
      try {
        result = this.source.next();
      } catch (error) {
        return this.exhausted({ error });
      }
      if (result instanceof Promise) {
        return whenSettled(
          result,
          (arrived) => {
            this.received(arrived);
            this.pullAgain();
          },
          (error) => this.exhausted({ error }),
        );
      }
      this.received(result);
      this.isPulling = false;
    }
  }

  private pullAgain(): void {
    this.isPulling = false;
    this.pull();
  }

  private received(result: IteratorResult<unknown>): void {
    if (result.done === true) this.exhausted(undefined);
    else if (!this.isOver && !this.isDry) this.start(result.value);
  }

  /** @param failure - what the source threw */
  private exhausted(failure: { readonly error: unknown } | undefined): void {
    this.isPulling = false;
    this.isDry = true;
    if (failure !== undefined) {
      this.sourceError = { error: sourceFailed(this.runs.workflow, this.pulled, failure.error) };
    }
    this.deliver();
  }

  // --- the items ---

  private start(input: unknown): void {
    const entry: Entry = { index: this.pulled++, input, outcome: undefined };
    this.ahead++;
    this.inFlight++;
    if (this.isOrdered) this.entries.push(entry);
    const onEnd: ItemEnd = (run, error) => {
      this.runEnded();
      if (run === undefined || error !== undefined) this.failed(entry, error);
      else this.completed(entry, run);
    };
    try {
      this.runs.start(entry, this.abort, onEnd);
    } catch (error) {
      onEnd(undefined, error);
    }
  }

  private runEnded(): void {
    if (--this.inFlight === 0) this.whenIdle?.();
  }

  private completed(entry: Entry, run: RunResult<any>): void {
    const { index, input } = entry;
    if (this.options.values !== true) return this.settle(entry, { value: { index, input, run } });
    if (run.status !== "paused") return this.settle(entry, { value: run.value });
    this.failed(entry, pausedAt(run.runId, run.pauses[0]?.node));
  }

  private failed(entry: Entry, error: unknown): void {
    const { onItemError, deadLetter } = this.options;
    if (this.isOver || onItemError === "skip") return this.settle(entry, "dropped");
    const { index, input } = entry;
    if (onItemError !== "deadLetter" || deadLetter === undefined) {
      return this.settle(entry, { error: itemFailed(this.runs.workflow, entry, error) });
    }
    const threw = (cause: unknown) => this.settle(entry, { error: notTaken(this.runs.workflow, entry, cause) });
    try {
      const pending = pendingOf<unknown>(deadLetter({ index, input }, error));
      if (pending === undefined) this.settle(entry, "dropped");
      else whenSettled(pending, () => this.settle(entry, "dropped"), threw);
    } catch (cause) {
      threw(cause);
    }
  }

  private settle(entry: Entry, outcome: Outcome): void {
    if (this.isOver) return;
    entry.outcome = outcome;
    if (!this.isOrdered) this.entries.push(entry);
    // Items after a failure are never read.
    if (outcome !== "dropped" && "error" in outcome) this.isDry = true;
    this.advance();
  }

  // --- the end ---

  /** Ends the stream with an error, which the waiting reader gets once all is closed. */
  private fail(error: unknown): void {
    this.end();
    const told = () => this.tellEnd(error);
    this.closeFor("the stream failed").then(told, (own: unknown) => {
      this.warnOfSource(own);
      told();
    });
  }

  private aborted(reason: unknown): void {
    if (this.isOver) return;
    const error = streamCancelled(this.runs.workflow, this.read, reason);
    this.end();
    if (this.readers.size === 0) this.untold = { error };
    else this.tellEnd(error);
    this.closed(reason).catch(this.warnOfSource);
  }

  private end(): void {
    this.isOver = true;
    this.removeListener?.();
  }

  /** Tells the first reader how the stream has ended, and the others that it has. */
  private tellEnd(error: unknown): void {
    const { first } = this.readers;
    if (first === undefined) return;
    this.readers.remove(first);
    first.value.reject(error);
    this.releaseReaders();
  }

  private releaseReaders(): void {
    for (let reader = this.readers.first; reader !== undefined; reader = this.readers.first) {
      this.readers.remove(reader);
      reader.value.resolve(done());
    }
  }

  /** As {@link RunStream.closed}, for readers that wait for it. */
  private closeFor(reason: string): Promise<void> {
    const closed = this.closed(reason);
    const over = () => {};
    this.closing = closed.then(over, over);
    return closed;
  }

  /** Cancels the runs in flight and closes the source. Resolves when both are done. @throws what the source throws */
  private async closed(reason: unknown): Promise<void> {
    this.abort.abort(reason);
    const runs = this.inFlight > 0 ? new Promise<void>((resolve) => (this.whenIdle = resolve)) : undefined;
    try {
      await this.source.close(this.warnOfSource);
    } finally {
      await runs;
    }
  }

  private readonly warnOfSource = (error: unknown): void => {
    const message = `The source of the stream of "${this.runs.workflow}" threw when it was closed: ${messageOf(error)}`;
    warn(message, "DagwrightStreamWarning");
  };
}

function done(): IteratorReturnResult<undefined> {
  return { done: true, value: undefined };
}
