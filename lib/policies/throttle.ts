import { Alarm } from "../base/alarm.js";
import { nowChecked } from "../base/clock.js";
import { deferred } from "../base/deferred.js";
import { Queue } from "../base/queue.js";
import type { Waiting } from "../base/waiting.js";
import type { ThrottleOptions } from "../definition/specs/policy-options.js";
import { LimitConflict } from "./limit-conflict.js";

/** A call is this early, in ms, at most: timers and sums of fractions are not exact. */
const TOLERANCE = 1e-3;

interface Waiter {
  readonly options: ThrottleOptions;
  go(): void;
}

/**
 * Lets `limit` calls pass an interval: a token bucket that starts full and refills evenly, first come first served. All who
 * share it have the same settings, until it is full again. All methods cost O(1), whatever the limit.
 * Source: the generic cell rate algorithm (ITU-T I.371), the bucket's content told by one instant.
 */
export class Throttle {
  /** When the bucket is full again, an instant of the process' clock in ms. */
  private fullAt = -Infinity;
  private options: ThrottleOptions | undefined;
  private readonly waiters = new Queue<Waiter>();
  private alarm: Alarm | undefined;

  /** Takes a token. Gives 0 then, otherwise the time in ms until there is one. @throws {LimitConflict} */
  tryTake(options: ThrottleOptions): number {
    const time = nowChecked();
    if (time >= this.fullAt && this.waiters.size === 0) this.options = options;
    else agree(options, this.options ?? options);
    const { limit, interval } = options;
    const perToken = interval / limit;
    const fullAt = Math.max(this.fullAt, time);
    const wait = fullAt + perToken - interval - time;
    if (wait > TOLERANCE) return wait;
    this.fullAt = fullAt + perToken;
    return 0;
  }

  /** Undefined when there is a token at once. @throws {LimitConflict} when others of its key have other settings */
  enter(options: ThrottleOptions): Waiting | undefined {
    const { waiters } = this;
    if (waiters.size === 0) {
      if (this.tryTake(options) === 0) return undefined;
    } else {
      agree(options, this.options ?? options);
    }
    const { promise, resolve } = deferred();
    const place = waiters.push({ options, go: resolve });
    if (this.alarm === undefined) this.serve();
    // A token that was granted is spent, whether it is used or not.
    const cancel = () => {
      if (!place.isQueued) return;
      const isNext = waiters.first === place;
      waiters.remove(place);
      if (isNext) this.serve();
    };
    return { granted: promise, cancel };
  }

  /** Lets those pass for whom there are tokens, and waits for the next one's. */
  private serve(): void {
    this.alarm?.stop();
    this.alarm = undefined;
    for (let place = this.waiters.first; place !== undefined; place = this.waiters.first) {
      const wait = this.tryTake(place.value.options);
      if (wait > 0) {
        this.alarm = Alarm.after(Math.ceil(wait), () => this.serve());
        return;
      }
      this.waiters.remove(place);
      place.value.go();
    }
  }
}

/** A node without a key goes by what its options say now. */
function agree(own: ThrottleOptions, theirs: ThrottleOptions): void {
  if (own.key === undefined || (own.limit === theirs.limit && own.interval === theirs.interval)) return;
  const text = ({ limit, interval }: ThrottleOptions) => `${limit} in ${interval} ms`;
  const message = `others of its throttle "${own.key}" have ${text(theirs)}, and it has ${text(own)}. Give all of a key the same.`;
  throw new LimitConflict(message);
}
