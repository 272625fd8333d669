import { now } from "../../base/clock.js";
import { asSentence, messageOf } from "../../base/message.js";
import { warn } from "../../base/warning.js";

/** How long not to ask a broker that can't be reached, in ms: at first, and at most. */
const FIRST_DELAY = 250;
const MAX_DELAY = 5000;

/** How long not to tell of another outage, in ms: a connection may come and go. */
const QUIET = 60_000;

/** Keeps a broker that can't be reached from being asked all the time, and tells of it once. */
export class Outage {
  private until = 0;
  private delay = 0;
  private quietUntil = 0;

  /** @param onEnd - called when the broker can be reached again */
  constructor(private readonly onEnd: () => void) {}

  /** In how many ms the broker may be asked again; 0 if it may be now. */
  get askIn(): number {
    return Math.max(0, this.until - now());
  }

  /** The broker did not do what it was asked for. */
  failed(error: unknown): void {
    if (this.delay === 0 && now() >= this.quietUntil) {
      this.quietUntil = now() + QUIET;
      const message = `The queue can't be reached, and is tried again: ${asSentence(messageOf(error))} Runs are recorded, and begin when it is back.`;
      warn(message, "DagwrightServiceWarning");
    }
    this.delay = Math.min(MAX_DELAY, this.delay === 0 ? FIRST_DELAY : 2 * this.delay);
    this.until = now() + this.delay;
  }

  /** The broker did what it was asked for. */
  succeeded(): void {
    if (this.delay === 0) return;
    this.delay = this.until = 0;
    this.onEnd();
  }
}
