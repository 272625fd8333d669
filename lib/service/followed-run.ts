import { now, toEpoch } from "../base/clock.js";
import type { Observer, RunEvent } from "../run/events.js";
import { notFound } from "../stores/reading/run-rows.js";
import type { RunHistory } from "../stores/reading/run-history.js";
import type { FollowedEvent } from "./event-names.js";
import { RECORDED, recordedEvents } from "./recorded-events.js";
import type { Followed, RunFeed } from "./run-feed.js";

/** Where the events of a run come from. */
export interface FeedSource {
  /** Its record; undefined when there is none. */
  read(): Promise<RunHistory | undefined>;
  /** Calls `listener` with what happens in this process. Returns a function that ends that. */
  listen(listener: Observer): () => void;
  /** Somebody waits for an event. @param isNew - whether the record has never been read */
  wanted(isNew: boolean): void;
  /** Nobody follows the run any more. */
  left(): void;
}

/** How many times as long as reading took the record is left alone, so that following a large run does not slow it down. */
const REST = 4;

/**
 * A run that is followed, by any number of feeds. Its record is read when it has changed, for all of them together, and
 * only while somebody waits. What is recorded is given once it is read there, so that a feed elsewhere, or one that comes
 * later, gives the same.
 */
export class FollowedRun implements Followed {
  private readonly feeds = new Set<RunFeed>();
  private readonly stopListening: () => void;
  /** Whether its record has never been read. */
  private isNew = true;
  /** Events that are never recorded, and come after some that have yet to be read. */
  private readonly held: RunEvent[] = [];
  /** Whether something was recorded since the last reading began. */
  private isStale = false;
  private isReading = false;
  /** The record is not read before, in ms by the process' clock. */
  private restsUntil = 0;
  /** See `marksOf`: as it was before the last reading. */
  private mark: string | undefined;

  constructor(
    private readonly runId: string,
    private readonly source: FeedSource,
  ) {
    this.stopListening = source.listen((event) => this.happened(event));
  }

  add(feed: RunFeed): void {
    this.feeds.add(feed);
    // What was read before may be older than what the feed comes after.
    this.isStale = !this.isNew;
    this.wanted();
  }

  remove(feed: RunFeed): void {
    this.feeds.delete(feed);
    if (this.feeds.size > 0) return;
    this.stopListening();
    this.source.left();
  }

  /** Whether somebody waits for an event. */
  get isWanted(): boolean {
    for (const feed of this.feeds) if (feed.isWaiting) return true;
    return false;
  }

  wanted(): void {
    if (!this.isWanted) return;
    if (this.isStale) this.readOn();
    this.source.wanted(this.isNew);
  }

  /** Reads the record, unless it has not changed. @param mark - undefined if the run is not there */
  marked(mark: string | undefined): void {
    if (mark === undefined) return this.fail(notFound(this.runId));
    if (mark === this.mark) return;
    this.mark = mark;
    this.isStale = true;
    this.readOn();
  }

  /** Ends all feeds with an error. */
  fail(error: unknown): void {
    for (const feed of Array.from(this.feeds)) feed.fail(error);
  }

  private happened(event: RunEvent): void {
    if (RECORDED.has(event.type)) {
      this.isStale = true;
      this.readOn();
    } else if (this.isStale || this.isReading || this.isNew) {
      this.held.push(event);
    } else {
      for (const feed of Array.from(this.feeds)) feed.happened(event);
    }
  }

  /** Reads the record until it is up to date, or nobody waits for that. */
  private readOn(): void {
    if (this.isReading) return;
    this.isReading = true;
    this.readAll().catch((error: unknown) => {
      this.isReading = false;
      this.fail(error);
    });
  }

  private async readAll(): Promise<void> {
    while (this.isStale && this.isWanted) {
      const rest = this.restsUntil - now();
      if (rest > 0) {
        await new Promise((resolve) => setTimeout(resolve, rest));
        continue;
      }
      this.isStale = this.isNew = false;
      const feeds = Array.from(this.feeds);
      const began = now();
      const history = await this.source.read();
      if (history === undefined) throw notFound(this.runId);
      this.restsUntil = now() + (now() - began) * REST;
      this.give(feeds, recordedEvents(history), toEpoch(began));
    }
    // At once: what happens in a later microtask must find that nobody reads.
    this.isReading = false;
  }

  /**
   * @param feeds - those that were there when the reading began
   * @param began - when that was: everything that was recorded before is there
   */
  private give(feeds: readonly RunFeed[], events: readonly FollowedEvent[], began: number): void {
    const first = this.isStale ? this.held.findIndex(({ at }) => at > began) : -1;
    const others = this.held.splice(0, first < 0 ? this.held.length : first);
    for (const feed of feeds) feed.take(events, others);
  }
}
