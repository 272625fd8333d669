import { Timer } from "../base/timer.js";
import { nowChecked } from "../base/clock.js";
import { deferred } from "../base/deferred.js";
import type { PendingAcquire } from "../base/pending-acquire.js";
import { Queue } from "../base/queue.js";
import type { ThrottleOptions } from "../definition/specs/policy-options.js";
import { LimitConflict } from "./limit-conflict.js";

/** How early a call may be, in ms, since timers and sums of fractions are inexact. */
const TOLERANCE = 1e-3;

interface Waiter {
  readonly options: ThrottleOptions;
  grant(): void;
}

/**
 * A token bucket of `limit` tokens, which starts full and refills evenly, `limit` tokens per interval. Waiters get a
 * token first in, first out. Nodes that share it must have the same options until it is full again. All methods cost
 * O(1).
 * Source: the generic cell rate algorithm (ITU-T I.371), which keeps one instant instead of a token count.
 */
export class Throttle {
  /** When the bucket is full again, by the process clock in ms. */
  private fullAt = -Infinity;
  private options: ThrottleOptions | undefined;
  private readonly waiters = new Queue<Waiter>();
  private timer: Timer | undefined;

  /**
   * Takes a token and returns 0, or returns the time until there is one, in ms.
   * @throws {LimitConflict} when other nodes of the key have another rate
   */
  tryAcquire(options: ThrottleOptions): number {
    const time = nowChecked();
    if (time >= this.fullAt && this.waiters.size === 0) this.options = options;
    else checkRate(options, this.options ?? options);
    const { limit, interval } = options;
    const msPerToken = interval / limit;
    const fullAt = Math.max(this.fullAt, time);
    const wait = fullAt + msPerToken - interval - time;
    if (wait > TOLERANCE) return wait;
    this.fullAt = fullAt + msPerToken;
    return 0;
  }

  /**
   * Takes a token at once, or returns the wait for one.
   * @throws {LimitConflict} when other nodes of the key have another rate
   */
  acquire(options: ThrottleOptions): PendingAcquire | undefined {
    const { waiters } = this;
    if (waiters.size === 0) {
      if (this.tryAcquire(options) === 0) return undefined;
    } else {
      checkRate(options, this.options ?? options);
    }
    const { promise, resolve } = deferred();
    const place = waiters.push({ options, grant: resolve });
    if (this.timer === undefined) this.grantWaiters();
    // A granted token is spent, used or not.
    const cancel = () => {
      if (!place.isQueued) return;
      const isNext = waiters.first === place;
      waiters.remove(place);
      if (isNext) this.grantWaiters();
    };
    return { granted: promise, cancel };
  }

  /** Grants the available tokens, and sets a timer for the next one. */
  private grantWaiters(): void {
    this.timer?.stop();
    this.timer = undefined;
    for (let place = this.waiters.first; place !== undefined; place = this.waiters.first) {
      const wait = this.tryAcquire(place.value.options);
      if (wait > 0) {
        this.timer = Timer.after(Math.ceil(wait), () => this.grantWaiters());
        return;
      }
      this.waiters.remove(place);
      place.value.grant();
    }
  }
}

/** Without a key the options may change between runs: the current ones apply. */
function checkRate(own: ThrottleOptions, theirs: ThrottleOptions): void {
  if (own.key === undefined || (own.limit === theirs.limit && own.interval === theirs.interval)) return;
  const text = ({ limit, interval }: ThrottleOptions) => `${limit} per ${interval} ms`;
  throw new LimitConflict(
    `its rate for throttle "${own.key}" is ${text(own)}, but other nodes have ${text(theirs)}. Give all nodes with a key the same rate.`,
  );
}
