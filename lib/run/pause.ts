import { append } from "../base/append.js";
import { checkOptions, isTime, timeOf, type Rules } from "../base/check.js";
import { DagwrightError, nameError } from "../base/errors.js";
import { setGiven } from "../base/objects.js";
import type { WaitingFor } from "./waiting-for.js";

/** The options of {@link PauseRun}. */
export interface PauseOptions {
  /** Data about the pause, for example for the person who decides. It must be storable if the run is recorded. */
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
export interface PauseFacts extends Omit<Pause, "node"> {
  /** The pauses of the run inside that paused the node, by path: `check.approve`. */
  readonly inner?: readonly Pause[];
}

/** The pauses of a node: its own, or those inside. */
export function pausesOf(node: string, { inner, ...facts }: PauseFacts): readonly Pause[] {
  return inner === undefined || inner.length === 0 ? [{ node, ...facts }] : inner;
}

/**
 * The pauses of a run by node, from a list by path: `check.approve` and `check[0].approve` belong to `check`.
 * @param indexOf - the nodes of the run
 */
export function pausesByNode(pauses: readonly Pause[], indexOf: ReadonlyMap<string, number>): Map<number, PauseFacts> {
  const byNode = new Map<number, Pause[]>();
  for (const pause of pauses) {
    const node = firstNode(pause.node, (name) => indexOf.has(name));
    if (node !== undefined) append(byNode, indexOf.get(node) as number, pause);
  }
  return new Map(
    Array.from(byNode, ([node, list]): [number, PauseFacts] => {
      const { node: path, ...facts } = list[0];
      return [node, indexOf.has(path) ? facts : { ...facts, inner: list }];
    }),
  );
}

/** The node that a path such as `check.approve` or `check[0].approve` begins with. */
export function firstNode(path: string, isNode: (name: string) => boolean): string | undefined {
  if (isNode(path)) return path;
  for (let k = 1; k < path.length; k++) {
    if ((path[k] === "." || path[k] === "[") && isNode(path.slice(0, k))) return path.slice(0, k);
  }
  return undefined;
}

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
  declare readonly data: unknown;
  /** When the run may continue by itself, in ms since 1970; undefined without the option. */
  declare readonly until: number | undefined;
  /** What the run waits for, available as `run.pauseReason`. */
  declare readonly reason?: string;

  /** @throws {TypeError} | {RangeError} when `until` is not a valid time */
  constructor(reason?: string, options: PauseOptions = {}) {
    super(reason ?? "", "PAUSE_RUN");
    checkOptions(options, RULES, "PauseRun");
    const { data, until } = options;
    setGiven<PauseRun>(this, { reason, data, until: until === undefined ? undefined : timeOf("until", until) });
  }
}

/** Pauses a run because a run inside it has paused. */
export class InnerPause extends PauseRun {
  /** @param dueAt - when the run inside goes on by itself, besides what its pauses say */
  constructor(
    reason: string | undefined,
    readonly inner: readonly Pause[],
    dueAt?: number,
  ) {
    const times = [...inner.flatMap(({ until }) => until ?? []), ...(dueAt === undefined ? [] : [dueAt])];
    super(reason, times.length === 0 ? {} : { until: Math.min(...times) });
  }
}

/** Ends a map that was stopped half-way, since its run pauses. It goes on when the run is resumed, with no answer. */
export class StoppedHalfway extends PauseRun {}

/** Ends a node because the run inside it was put away while it waits. It is treated as a pause, but does not pause the run. */
export class InnerWait extends InnerPause {
  constructor(readonly waitingFor: WaitingFor) {
    super(undefined, []);
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
  const facts = { reason: message || undefined, data, until: isTime(until) ? until : undefined };
  return pause instanceof InnerPause ? { ...facts, inner: pause.inner } : facts;
}
