import { now } from "../../base/clock.js";
import { asSentence, messageOf } from "../../base/message.js";
import { warn } from "../../base/warning.js";

/** How long not to ask a broker that can't be reached, in ms: at first, and at most. */
const FIRST_DELAY = 250;
const MAX_DELAY = 5000;

/** How long not to tell of another outage, in ms: a connection may come and go. */
const QUIET = 60_000;

/**
 * Keeps a broker that can't be reached, or refuses what it is told, from being asked all the time. Tells of an outage once,
 * and of what is refused, with what to do about it, once for each reason.
 */
export class Outage {
  private until = 0;
  private delay = 0;
  /** What has been told since the broker did what it was asked for. */
  private readonly told = new Set<string>();
  private readonly quietUntil = new Map<string, number>();

  /**
   * @param remedyFor - what to do about an error; undefined if it may pass
   * @param onEnd - called when the broker does again what it is asked for
   */
  constructor(
    private readonly remedyFor: (error: unknown) => string | undefined,
    private readonly onEnd: () => void,
  ) {}

  /** In how many ms the broker may be asked again; 0 if it may be now. */
  get askIn(): number {
    return Math.max(0, this.until - now());
  }

  /** The broker did not do what it was asked for. */
  failed(error: unknown): void {
    const remedy = this.remedyFor(error);
    const why = asSentence(messageOf(error));
    const message =
      remedy === undefined
        ? `The queue can't be reached, and is tried again: ${why} Runs are recorded, and begin when it is back.`
        : `The queue refuses its tickets, and is tried again: ${why} ${remedy} Until then, runs are recorded.`;
    this.tell(remedy ?? "", message);
    this.delay = Math.min(MAX_DELAY, this.delay === 0 ? FIRST_DELAY : 2 * this.delay);
    this.until = now() + this.delay;
  }

  /** The broker did what it was asked for. */
  succeeded(): void {
    if (this.delay === 0) return;
    this.delay = this.until = 0;
    this.told.clear();
    this.onEnd();
  }

  /** Warns, unless it did so of the same lately, or since it began. */
  private tell(what: string, message: string): void {
    if (this.told.has(what)) return;
    this.told.add(what);
    if (now() < (this.quietUntil.get(what) ?? -Infinity)) return;
    this.quietUntil.set(what, now() + QUIET);
    warn(message, "DagwrightServiceWarning");
  }
}
