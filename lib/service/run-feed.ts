import { onAbort } from "../base/abort.js";
import { deferred, type Deferred } from "../base/deferred.js";
import type { RunEvent } from "../run/events.js";
import { placeAfter, UnrecordedIds, type FollowedEvent } from "./event-names.js";
import type { FollowOptions } from "./options.js";

type Step = IteratorResult<FollowedEvent, undefined>;

/** What feeds follow: a run. */
export interface Followed {
  add(feed: RunFeed): void;
  remove(feed: RunFeed): void;
  /** A feed waits for an event. */
  wanted(): void;
}

/**
 * The events of a run for one loop: those of its record, each once and in order, and those that are never recorded,
 * where they happen. It is lazy: it does nothing before the first event is asked for, and reads no further than needed.
 */
export class RunFeed implements AsyncIterableIterator<FollowedEvent, undefined> {
  /** The events that have not been asked for yet. */
  private readonly ready: FollowedEvent[] = [];
  /** The callers that wait for an event. */
  private readonly waiting: Deferred<Step>[] = [];
  /** The ids of the recorded events that were given, or come before those to give; undefined until the first ones came. */
  private given: Set<string> | undefined;
  private readonly unrecorded = new UnrecordedIds();
  private run: Followed | undefined;
  private isOver = false;
  private failure: { readonly error: unknown } | undefined;
  private readonly forgetSignal: (() => void) | undefined;

  /**
   * @param open - finds what the feed follows
   */
  constructor(
    private readonly open: () => Followed,
    private readonly options: FollowOptions,
  ) {
    const { signal } = options;
    if (signal !== undefined) this.forgetSignal = onAbort(signal, (reason) => this.fail(reason));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Step> {
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) return Promise.reject(failure.error);
    const event = this.ready.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.isOver) return Promise.resolve(OVER);
    const step = deferred<Step>();
    this.waiting.push(step);
    if (this.run === undefined) this.begin();
    else this.run.wanted();
    return step.promise;
  }

  private begin(): void {
    try {
      this.run = this.open();
    } catch (error) {
      return this.fail(error);
    }
    this.run.add(this);
  }

  return(): Promise<Step> {
    this.ready.length = 0;
    this.end();
    return Promise.resolve(OVER);
  }

  /** Whether somebody waits for an event. */
  get isWaiting(): boolean {
    return this.waiting.length > 0;
  }

  /**
   * Gives the recorded events that it has not given.
   * @param recorded - all events of the record, in order
   * @param others - events that are not recorded, in order: each comes after the recorded ones before it
   */
  take(recorded: readonly FollowedEvent[], others: readonly RunEvent[]): void {
    if (this.isOver) return;
    try {
      this.given ??= this.before(recorded);
    } catch (error) {
      return this.fail(error);
    }
    let i = 0;
    for (const event of recorded) {
      if (this.given.has(event.id)) continue;
      for (; i < others.length && others[i].at < event.at; i++) this.happened(others[i]);
      this.given.add(event.id);
      this.give(event);
    }
    for (; i < others.length; i++) this.happened(others[i]);
    const last = recorded.at(-1);
    const isLast = last?.type === "run.finished" && last.parent === undefined;
    if (isLast || this.options.follow === false) this.end();
  }

  /** Gives an event that is not recorded, after all those before it. */
  happened(event: RunEvent): void {
    this.give(Object.freeze({ ...event, id: this.unrecorded.next() }));
  }

  /** Ends the loop with an error. */
  fail(error: unknown): void {
    if (this.isOver) return;
    this.ready.length = 0;
    const first = this.waiting.shift();
    if (first === undefined) this.failure = { error };
    else first.reject(error);
    this.end();
  }

  private before(recorded: readonly FollowedEvent[]): Set<string> {
    const { after } = this.options;
    if (after === undefined) return new Set();
    this.unrecorded.follow(after);
    return new Set(recorded.slice(0, placeAfter(recorded, after)).map(({ id }) => id));
  }

  private give(event: FollowedEvent): void {
    this.unrecorded.follow(event.id);
    const first = this.waiting.shift();
    if (first === undefined) this.ready.push(event);
    else first.resolve({ done: false, value: event });
  }

  private end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.forgetSignal?.();
    this.run?.remove(this);
    for (const step of this.waiting.splice(0)) step.resolve(OVER);
  }
}

const OVER: Step = Object.freeze({ done: true, value: undefined });
