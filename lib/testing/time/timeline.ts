import type { Clockwork } from "../../base/clockwork.js";
import { MAX_TIMEOUT } from "../../base/timer.js";
import { realTime } from "./real-time.js";
import { VirtualTimer, type TimerOwner } from "./virtual-timer.js";

/**
 * How often a look is repeated while nothing happens that timers are set for. What one look begins, another may be there
 * to see the end of.
 */
const MAX_LOOKS = 2;

/** The time of a process, which moves only on command, and its timers. Cost: O(timers) to find the next one. */
export class Timeline implements Clockwork, TimerOwner {
  readonly outside = realTime;
  private readonly timers = new Set<VirtualTimer>();
  private readonly beats = new Set<VirtualTimer>();
  private created = 0;
  /** When something happened last. */
  private lastEvent: number;

  /** @param time - in ms since 1970 */
  constructor(private time: number) {
    this.lastEvent = time;
  }

  now(): number {
    return this.time;
  }

  // --- setting timers ---

  setTimeout(callback: () => void, ms: unknown): VirtualTimer {
    return this.add(new VirtualTimer(this, ++this.created, callback, delayOf(ms)));
  }

  setInterval(callback: () => void, ms: unknown): VirtualTimer {
    return this.add(new VirtualTimer(this, ++this.created, callback, delayOf(ms), { repeats: true }));
  }

  lookLater(look: () => void, interval: number, dueIn: number): NodeJS.Timeout {
    const timer = this.add(new VirtualTimer(this, ++this.created, look, Math.ceil(dueIn), { interval }));
    if (this.time + interval <= this.lastEvent + MAX_LOOKS * interval) timer.lookAt = this.time + interval;
    return timer as object as NodeJS.Timeout;
  }

  keepUp(beat: () => void, interval: number): NodeJS.Timeout {
    const timer = new VirtualTimer(this, ++this.created, beat, interval, { repeats: true });
    timer.at = this.time + interval;
    this.beats.add(timer);
    return timer as object as NodeJS.Timeout;
  }

  /** @param timer - anything else than a timer of this time, or its number, is ignored */
  clear(timer: unknown): void {
    const found = typeof timer === "number" ? Array.from(this.timers).find(({ order }) => order === timer) : timer;
    this.timers.delete(found as VirtualTimer);
    this.beats.delete(found as VirtualTimer);
  }

  restart(timer: VirtualTimer): void {
    if (this.timers.has(timer)) timer.at = this.time + timer.delay;
  }

  private add(timer: VirtualTimer): VirtualTimer {
    timer.at = this.time + timer.delay;
    this.timers.add(timer);
    return timer;
  }

  // --- moving ---

  /** The timer that calls its function next; undefined if none is known to. */
  get first(): VirtualTimer | undefined {
    let first: VirtualTimer | undefined;
    for (const timer of this.timers) {
      if (timer.next < (first?.next ?? Infinity) || (timer.next === first?.next && timer.order < first.order))
        first = timer;
    }
    return first;
  }

  moveTo(time: number): void {
    this.time = time;
  }

  /** Begins anew, without timers. */
  begin(time: number): void {
    this.timers.clear();
    this.beats.clear();
    this.time = this.lastEvent = time;
  }

  /** Goes to the next timer, and calls its function. */
  fireFirst(): void {
    const { first } = this;
    if (first === undefined) return;
    this.time = Math.max(this.time, first.next);
    this.fire(first);
  }

  /** Something has happened: it is worth looking again. */
  happened(): void {
    this.lastEvent = this.time;
    for (const timer of this.timers) {
      if (timer.lookAt === Infinity) timer.lookAt = this.time + timer.interval;
    }
  }

  /** Calls the function of a timer that is due, or that looks. */
  fire(timer: VirtualTimer): void {
    if (timer.at <= this.time && timer.matters) this.happened();
    if (timer.repeats) timer.at += timer.delay;
    else this.timers.delete(timer);
    timer.callback();
  }

  /** Keeps up what would have lapsed since, before anything that matters happens. Returns whether there was anything. */
  beat(): boolean {
    if (!Array.from(this.timers).some((timer) => timer.next <= this.time && timer.matters)) return false;
    const due = Array.from(this.beats).filter(({ at }) => at <= this.time);
    for (const timer of due) {
      timer.at = this.time + timer.delay;
      timer.callback();
    }
    return due.length > 0;
  }

  /** Looks for everything that an interval has passed for. Returns whether there was anything. */
  lookNow(): boolean {
    const looking = Array.from(this.timers).filter(({ interval }) => interval < Infinity);
    for (const timer of looking) this.fire(timer);
    return looking.length > 0;
  }
}

/** As Node does it: at least 1 ms, and too long a delay is none. */
function delayOf(ms: unknown): number {
  const delay = Math.trunc(Number(ms));
  return delay >= 1 && delay <= MAX_TIMEOUT ? delay : 1;
}
