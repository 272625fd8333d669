import { checkOptions, isTime, timeOf, type Rules } from "../base/check.js";
import { DagwrightError, nameError } from "../base/errors.js";

/** What a {@link PauseRun} says beside its reason. */
export interface PauseOptions {
  /** Whatever whoever decides has to know. A recorded run keeps it, so it has to be storable. */
  readonly data?: unknown;
  /**
   * When the run is to be taken up again by itself, a date or ms since 1970: from then on `recover` goes on with it as with
   * one whose process is gone; not before, whatever events it is sent. Without a store it is only shown. @defaultValue never
   */
  readonly until?: number | Date | undefined;
}

const RULES: Rules<PauseOptions> = { data: "any", until: timeOf };

/** Why a run rests. */
export interface Pause {
  /** The node, or state, that paused it. */
  readonly node: string;
  readonly reason: string | undefined;
  readonly data: unknown;
  /** When the run is to be taken up again, in ms since 1970. */
  readonly until: number | undefined;
}

/** What a node's pause says. */
export type PauseFacts = Omit<Pause, "node">;

/**
 * Thrown by a node or state, or by a function that its options name, to pause its run, for instance until a person has
 * decided. It is no failure: nothing retries it, stands in for it, or is told of it as of an error. A failure that led to it,
 * where a fallback, `onError` or an `errorHandler` throws it, is none of the result's any more, but hooks and observers have
 * heard of it. What is in flight finishes; the run ends as `paused`, and the node runs again when it is resumed. Code
 * `PAUSE_RUN`.
 */
export class PauseRun extends DagwrightError {
  static {
    nameError(this, "PauseRun");
  }

  readonly data: unknown;
  /** In ms since 1970. */
  readonly until: number | undefined;

  /**
   * @param reason - what the run waits for; it comes back as `run.pauseReason`
   * @throws {TypeError} | {RangeError} for an `until` that is no time
   */
  constructor(
    readonly reason?: string,
    options: PauseOptions = {},
  ) {
    super(reason ?? "", "PAUSE_RUN");
    checkOptions(options, RULES, "PauseRun");
    this.data = options.data;
    this.until = options.until === undefined ? undefined : timeOf("until", options.until);
  }
}

/** Whether a node threw a {@link PauseRun}, be it on another thread, from where classes do not come back. */
export function isPause(error: unknown): error is Error {
  try {
    if (!(error instanceof Error) || typeof error.message !== "string") return false;
    const { code } = error as { code?: unknown };
    const isOne = error instanceof PauseRun || (error.name === "PauseRun" && code === "PAUSE_RUN");
    return isOne && factsOf(error) !== undefined;
  } catch {
    return false; // What can't be looked at is a failure.
  }
}

/** What a pause says, be it one that came from another thread. */
export function factsOf(pause: Error): PauseFacts {
  const { message, data, until } = pause as Error & { data?: unknown; until?: unknown };
  return { reason: message || undefined, data, until: isTime(until) ? until : undefined };
}
