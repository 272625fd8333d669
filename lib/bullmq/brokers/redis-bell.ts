import type { Cluster, Redis } from "ioredis";
import type { Bell } from "./broker.js";
import type { RedisLink } from "./redis-link.js";

/** How long one command waits for a job, in s. */
const WAIT = 10;

/** How much later than that Redis is taken for gone, in ms. */
const GRACE = 5000;

/** How long to wait before connecting again, in ms: at first, and at most. */
const FIRST_DELAY = 100;
const MAX_DELAY = 5000;

/**
 * Waits for BullMQ's markers: in each queue that has jobs to take, there is one. Who takes a marker tells nobody else,
 * and so has to take a job, which puts it back, or pass it on.
 */
export class RedisBell implements Bell {
  /** The queues to listen for next, by the keys of their markers; undefined if nobody wants to know. */
  private wanted: ReadonlyMap<string, string> | undefined;
  private isWaiting = false;
  private isClosed = false;
  private wasReady = false;
  private delay = FIRST_DELAY;

  constructor(
    private readonly link: RedisLink,
    /** Takes commands while the link waits. */
    private readonly commands: Redis | Cluster,
    /** The key of the marker of a queue. */
    private readonly markerOf: (queue: string) => string,
    private readonly onRing: (queue: string | undefined) => void,
  ) {}

  listen(queues: readonly string[]): void {
    this.wanted = queues.length === 0 ? undefined : new Map(queues.map((queue) => [this.markerOf(queue), queue]));
    if (!this.isWaiting) void this.wait();
  }

  passOn(queue: string): void {
    // If that fails, others find the job when they look the next time.
    this.commands.zadd(this.markerOf(queue), 0, "0").catch(() => {});
  }

  close(): void {
    this.isClosed = true;
    this.link.close();
  }

  private async wait(): Promise<void> {
    this.isWaiting = true;
    while (this.wanted !== undefined && !this.isClosed) {
      const queues = this.wanted;
      const key = await this.nextMarker(Array.from(queues.keys()));
      if (key === undefined) continue;
      this.wanted = undefined;
      this.onRing(queues.get(key));
    }
    this.isWaiting = false;
  }

  /** The key of a marker; undefined if there is none for long, or Redis can't be reached. */
  private async nextMarker(keys: readonly string[]): Promise<string | undefined> {
    const { link } = this;
    // An answer that does not come would be waited for without an end.
    let watchdog: NodeJS.Timeout | undefined;
    try {
      const isBack = this.wasReady && !link.isReady;
      await link.ready();
      this.wasReady = true;
      // Redis may have lost what it had.
      if (isBack) this.onRing(undefined);
      watchdog = setTimeout(() => link.redis.disconnect(), WAIT * 1000 + GRACE).unref();
      const popped = await link.redis.bzpopmin(...keys, WAIT);
      this.delay = FIRST_DELAY;
      return popped?.[0];
    } catch {
      if (!this.isClosed) await this.pause();
      return undefined;
    } finally {
      clearTimeout(watchdog);
    }
  }

  private async pause(): Promise<void> {
    const { delay } = this;
    this.delay = Math.min(MAX_DELAY, 2 * delay);
    await new Promise((resolve) => setTimeout(resolve, delay * (0.5 + Math.random() / 2)).unref());
  }
}
