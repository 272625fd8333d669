import { nowChecked } from "./clock.js";
import { processWide } from "./process-wide.js";

/** Moves the time of this process, and of the databases that it uses, in place of the system. */
export interface Clockwork {
  /** The time of day, in ms since 1970. */
  now(): number;
  /** See {@link lookLater}. */
  lookLater(look: () => void, interval: number, dueIn: number): NodeJS.Timeout;
  /** See {@link keepUp}. */
  keepUp(beat: () => void, interval: number): NodeJS.Timeout;
  /** The time of the system, see {@link outsideTime}. */
  readonly outside: OutsideTime;
}

/** A monotonic time in ms, with an arbitrary origin. */
export interface OutsideTime {
  now(): number;
  sleep(ms: number): Promise<void>;
}

const holder = processWide<{ current: Clockwork | undefined }>("clockwork", () => ({ current: undefined }));

/** The clockwork in place of the system's; undefined if there is none. */
export function currentClockwork(): Clockwork | undefined {
  return holder.current;
}

/** Puts a clockwork in place of the system's, or the system's back. */
export function setClockwork(clockwork: Clockwork | undefined): void {
  holder.current = clockwork;
}

/**
 * Calls `look` once: when something is due, or else after `interval`, since something may have happened without a
 * notice. A clockwork may skip the looks at times at which nothing happens. Cleared by `clearTimeout`.
 * @param interval - in ms
 * @param dueIn - in ms
 */
export function lookLater(look: () => void, interval: number, dueIn = Infinity): NodeJS.Timeout {
  const clockwork = holder.current;
  return clockwork === undefined
    ? setTimeout(look, Math.min(interval, dueIn))
    : clockwork.lookLater(look, interval, dueIn);
}

/**
 * Calls `beat` every `interval` ms, to keep up what would lapse, or be missed. A clockwork that moves over many intervals
 * at once calls it once, before anything else happens. Cleared by `clearInterval`.
 */
export function keepUp(beat: () => void, interval: number): NodeJS.Timeout {
  const clockwork = holder.current;
  return clockwork === undefined ? setInterval(beat, interval) : clockwork.keepUp(beat, interval);
}

const processTime: OutsideTime = {
  now: nowChecked,
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

/** The time by which other processes and servers are waited for: no clockwork moves these. */
export function outsideTime(): OutsideTime {
  return holder.current?.outside ?? processTime;
}
