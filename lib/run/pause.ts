import { checkOptions, isTime, timeOf, type Rules } from "../base/check.js";
import { DagwrightError, nameError } from "../base/errors.js";

/** The options of {@link PauseRun}. */
export interface PauseOptions {
  /** Data about the pause, for instance for the person who decides. It must be storable if the run is recorded. */
  readonly data?: unknown;
  /**
   * When the run may continue by itself, as a date or in ms since 1970: from then on, `recover` picks it up like a run
   * whose process is gone. Events do not wake it earlier. Without a store, this is only informative.
   * @defaultValue never
   */
  readonly until?: number | Date | undefined;
}

const RULES: Rules<PauseOptions> = { data: "any", until: timeOf };

/** Why a run is paused. */
export interface Pause {
  /** The node or state that paused it. */
  readonly node: string;
  /** What the run waits for; undefined if the node gave no reason. */
  readonly reason: string | undefined;
  /** The `data` option; undefined without it. */
  readonly data: unknown;
  /** When the run may continue by itself, in ms since 1970. */
  readonly until: number | undefined;
}

/** A pause without its node. */
export type PauseFacts = Omit<Pause, "node">;

/**
 * Thrown by a node or state, or by a function in its options, to pause the run, for instance until a person has
 * decided. It is not a failure: it is neither retried nor replaced by a fallback, and is not reported as an error. When
 * a fallback, `onError` or an `errorHandler` throws it, the failure before it is not part of the result either, but
 * hooks and observers have seen it. Nodes in flight finish; the run ends as `paused`, and the node runs again when the
 * run is resumed. Code `PAUSE_RUN`.
 */
export class PauseRun extends DagwrightError {
  static {
    nameError(this, "PauseRun");
  }

  /** The `data` option; undefined without it. */
  readonly data: unknown;
  /** When the run may continue by itself, in ms since 1970; undefined without the option. */
  readonly until: number | undefined;

  /** @throws {TypeError} | {RangeError} when `until` is not a valid time */
  constructor(
    /** What the run waits for, available as `run.pauseReason`. */
    readonly reason?: string,
    options: PauseOptions = {},
  ) {
    super(reason ?? "", "PAUSE_RUN");
    checkOptions(options, RULES, "PauseRun");
    this.data = options.data;
    this.until = options.until === undefined ? undefined : timeOf("until", options.until);
  }
}

/**
 * Whether an error is a {@link PauseRun}, or was one on another thread, from which errors return without their class.
 */
export function isPause(error: unknown): error is Error {
  try {
    if (!(error instanceof Error) || typeof error.message !== "string") return false;
    const { code } = error as { code?: unknown };
    const isOne = error instanceof PauseRun || (error.name === "PauseRun" && code === "PAUSE_RUN");
    return isOne && factsOf(error) !== undefined;
  } catch {
    return false; // An error whose properties can't be read.
  }
}

/** The details of an error that {@link isPause} accepts. */
export function factsOf(pause: Error): PauseFacts {
  const { message, data, until } = pause as Error & { data?: unknown; until?: unknown };
  return { reason: message || undefined, data, until: isTime(until) ? until : undefined };
}
