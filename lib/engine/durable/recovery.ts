import { show } from "../../base/check.js";
import { onAbort } from "../../base/abort.js";
import { DagwrightError, StoreError, type StoreErrorCode } from "../../base/errors.js";
import { messageOf } from "../../base/message.js";
import { CancelledError, RecoverError } from "../../run/errors.js";
import type { RecoverableRuns } from "../../stores/store.js";
import { PAUSE } from "./interruption.js";

/** How many runs are recovered at once, unless told otherwise. */
const DEFAULT_RUNS = 10;

export interface RecoverySettings {
  /** How many runs at once. @defaultValue 10 */
  readonly concurrency?: number;
  /** Also waits for the runs that others drive now, until each has ended or is taken up. */
  readonly wait?: boolean;
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
}

/** Gives what became of a run that was taken up; undefined when it was left to somebody else. */
type TakeUp<T> = (runId: string) => Promise<T | undefined>;

/**
 * Takes up the runs that nobody drives, several at once, the oldest first: several processes that recover share them. No run
 * stands in the way of another.
 * @param look - finds the unfinished runs
 * @returns the results, of runs that fail too
 * @throws the one error, or a {RecoverError} with all, of runs that could not be taken up, once all others are done; what
 *   `look` throws, at once
 */
export async function recoverAll<R>(
  look: () => Promise<RecoverableRuns>,
  takeUp: TakeUp<R>,
  { concurrency = DEFAULT_RUNS, wait = false, signal }: RecoverySettings,
): Promise<R[]> {
  const crew = new Crew(concurrency, takeUp);
  const { free, held } = await look();
  crew.add(free);
  const awaited = new Set(wait ? held : []);
  for (let pause = PAUSE.first; awaited.size > 0; pause = Math.min(pause * 2, PAUSE.last)) {
    await sleep(pause, signal);
    if (signal?.aborted === true) break;
    const now = await look();
    crew.add(now.free);
    const isHeld = new Set(now.held);
    for (const runId of awaited) if (!isHeld.has(runId)) awaited.delete(runId);
  }
  return crew.done();
}

/** As {@link recoverAll}, for what does not wait for the ends of runs. */
export function takeUpAll<T>(runIds: readonly string[], takeUp: TakeUp<T>): Promise<T[]> {
  const crew = new Crew(DEFAULT_RUNS, takeUp);
  crew.add(runIds);
  return crew.done();
}

/** Takes up runs, so many at once, and keeps what became of each. */
class Crew<T> {
  /** Those that wait, from `next` on. */
  private readonly runIds: string[] = [];
  private next = 0;
  private active = 0;
  /** Those that were added and not left to somebody else. */
  private readonly known = new Set<string>();
  private readonly results = new Map<string, T>();
  private readonly errors = new Map<string, Error>();
  private onIdle: (() => void) | undefined;

  constructor(
    private readonly size: number,
    private readonly takeUp: TakeUp<T>,
  ) {}

  add(runIds: readonly string[]): void {
    for (const runId of runIds) {
      if (this.known.has(runId)) continue;
      this.known.add(runId);
      this.runIds.push(runId);
    }
    while (this.active < this.size && this.next < this.runIds.length) void this.work();
  }

  /** Waits for all of them, and gives their results in the order in which they were added. @throws their errors */
  async done(): Promise<T[]> {
    if (this.active > 0) await new Promise<void>((resolve) => (this.onIdle = resolve));
    const results = this.inOrder(this.results);
    const errors = this.inOrder(this.errors);
    if (errors.length === 0) return results;
    throw errors.length === 1 ? Object.assign(errors[0], { results }) : new RecoverError(errors, results);
  }

  private inOrder<V>(outcomes: ReadonlyMap<string, V>): V[] {
    const runIds = Array.from(new Set(this.runIds)).filter((runId) => outcomes.has(runId));
    return runIds.map((runId) => outcomes.get(runId) as V);
  }

  private async work(): Promise<void> {
    this.active++;
    while (this.next < this.runIds.length) await this.one(this.runIds[this.next++]);
    if (--this.active === 0) this.onIdle?.();
  }

  private async one(runId: string): Promise<void> {
    try {
      const result = await this.takeUp(runId);
      if (result === undefined) this.known.delete(runId);
      else this.results.set(runId, result);
    } catch (error) {
      const run = error instanceof DagwrightError ? (error as { run?: T }).run : undefined;
      if (isElsewhere(error)) this.known.delete(runId);
      else if (run !== undefined && !isUnwritten(error)) this.results.set(runId, run);
      else this.errors.set(runId, naming(runId, error, run));
    }
  }
}

/** Resolves after `ms`, or when the signal aborts. */
function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    let removeListener: (() => void) | undefined;
    const over = () => {
      clearTimeout(timer);
      removeListener?.();
      resolve();
    };
    const timer = setTimeout(over, ms);
    if (signal !== undefined) removeListener = onAbort(signal, over);
  });
}

/** Somebody else has the run, or has removed it; or nobody wants to go on. */
function isElsewhere(error: unknown): boolean {
  if (error instanceof CancelledError) return (error as { run?: unknown }).run === undefined;
  return error instanceof StoreError && ["LEASE_HELD", "LEASE_LOST", "NOT_FOUND"].includes(error.code);
}

/** The run has ended here, but is still unfinished in its store. */
function isUnwritten(error: unknown): boolean {
  return error instanceof StoreError && error.code === "STORE";
}

/** The error of a run that could not go on, with the run's id in its message. */
function naming(runId: string, error: unknown, run: unknown): Error {
  if (error instanceof DagwrightError && error.message.includes(show(runId))) return error;
  const code: StoreErrorCode = error instanceof StoreError ? (error.code as StoreErrorCode) : "STORE";
  const named = new StoreError(`Run ${show(runId)} can't go on: ${messageOf(error)}`, code, { cause: error });
  if (run !== undefined) named.run = run;
  return named;
}
