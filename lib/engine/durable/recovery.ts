import { onAbort } from "../../base/abort.js";
import { show } from "../../base/check.js";
import { DagwrightError, StoreError, type StoreErrorCode } from "../../base/errors.js";
import { messageOf } from "../../base/message.js";
import { CancelledError, RecoverError } from "../../run/errors.js";
import type { RecoverableRuns } from "../../stores/store.js";
import { POLL_DELAY } from "./interruptible.js";

const DEFAULT_CONCURRENCY = 10;

export interface RecoverySettings {
  /** How many runs continue at once. @defaultValue 10 */
  readonly concurrency?: number;
  /** Whether to wait for the runs that other processes drive, until each has ended or is continued here. */
  readonly wait?: boolean;
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
}

/** Claims a run. Returns its result or its handle; undefined when another process has it. */
type Claim<T> = (runId: string) => Promise<T | undefined>;

/**
 * Continues the runs that have no driver, several at once, oldest first. Processes that recover at the same time share
 * the runs. A run that fails does not keep others from continuing.
 * @param find - finds the recoverable runs
 * @returns the results of all runs, including failed ones
 * @throws when all runs are done: the error of the run that could not be claimed, or a {RecoverError} with those of
 *   several; whatever `find` throws, at once
 */
export async function recoverAll<R>(
  find: () => Promise<RecoverableRuns>,
  claim: Claim<R>,
  { concurrency = DEFAULT_CONCURRENCY, wait = false, signal }: RecoverySettings,
): Promise<R[]> {
  const queue = new ClaimQueue(concurrency, claim);
  const { free, held } = await find();
  queue.add(free);
  const awaited = new Set(wait ? held : []);
  for (let delay = POLL_DELAY.first; awaited.size > 0; delay = Math.min(delay * 2, POLL_DELAY.longest)) {
    await sleep(delay, signal);
    if (signal?.aborted === true) break;
    const found = await find();
    queue.add(found.free);
    const isHeld = new Set(found.held);
    for (const runId of awaited) if (!isHeld.has(runId)) awaited.delete(runId);
  }
  return queue.drain();
}

/** As {@link recoverAll}, without waiting for the runs to end. */
export function claimAll<T>(runIds: readonly string[], claim: Claim<T>): Promise<T[]> {
  const queue = new ClaimQueue(DEFAULT_CONCURRENCY, claim);
  queue.add(runIds);
  return queue.drain();
}

/** Claims runs, first in, first out, a limited number at once, and collects the results and errors. */
class ClaimQueue<T> {
  /** All runs that were added; those from `next` on are waiting. */
  private readonly runIds: string[] = [];
  private next = 0;
  private active = 0;
  /** The runs not to be added again, unless another process has them. */
  private readonly known = new Set<string>();
  private readonly results = new Map<string, T>();
  private readonly errors = new Map<string, Error>();
  private onIdle: (() => void) | undefined;

  constructor(
    private readonly concurrency: number,
    private readonly claim: Claim<T>,
  ) {}

  add(runIds: readonly string[]): void {
    for (const runId of runIds) {
      if (this.known.has(runId)) continue;
      this.known.add(runId);
      this.runIds.push(runId);
    }
    while (this.active < this.concurrency && this.next < this.runIds.length) void this.work();
  }

  /** Resolves to the results, in the order in which the runs were added, when all are done. @throws their errors */
  async drain(): Promise<T[]> {
    if (this.active > 0) await new Promise<void>((resolve) => (this.onIdle = resolve));
    const results = this.inOrder(this.results);
    const errors = this.inOrder(this.errors);
    if (errors.length === 0) return results;
    throw errors.length === 1 ? Object.assign(errors[0], { results }) : new RecoverError(errors, results);
  }

  private inOrder<V>(byRun: ReadonlyMap<string, V>): V[] {
    const runIds = Array.from(new Set(this.runIds)).filter((runId) => byRun.has(runId));
    return runIds.map((runId) => byRun.get(runId) as V);
  }

  private async work(): Promise<void> {
    this.active++;
    while (this.next < this.runIds.length) await this.claimOne(this.runIds[this.next++]);
    if (--this.active === 0) this.onIdle?.();
  }

  private async claimOne(runId: string): Promise<void> {
    try {
      const result = await this.claim(runId);
      if (result === undefined) this.known.delete(runId);
      else this.results.set(runId, result);
    } catch (error) {
      const run = error instanceof DagwrightError ? (error as { run?: T }).run : undefined;
      if (isNotOurs(error)) this.known.delete(runId);
      else if (run !== undefined && !isWriteFailure(error)) this.results.set(runId, run);
      else this.errors.set(runId, withRunId(runId, error, run));
    }
  }
}

/** Resolves after `ms`, or when the signal aborts. */
function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    let removeListener: (() => void) | undefined;
    const done = () => {
      clearTimeout(timer);
      removeListener?.();
      resolve();
    };
    const timer = setTimeout(done, ms);
    if (signal !== undefined) removeListener = onAbort(signal, done);
  });
}

/** Whether another process has claimed or removed the run, or the caller has stopped waiting for it. */
function isNotOurs(error: unknown): boolean {
  if (error instanceof CancelledError) return (error as { run?: unknown }).run === undefined;
  return error instanceof StoreError && ["LEASE_HELD", "LEASE_LOST", "NOT_FOUND"].includes(error.code);
}

/** Whether the run has ended in this process, but not in its store. */
function isWriteFailure(error: unknown): boolean {
  return error instanceof StoreError && error.code === "STORE";
}

/** The error of a run that could not continue, with the run's id in its message. */
function withRunId(runId: string, error: unknown, run: unknown): Error {
  if (error instanceof DagwrightError && error.message.includes(show(runId))) return error;
  const code: StoreErrorCode = error instanceof StoreError ? (error.code as StoreErrorCode) : "STORE";
  const message = `Run ${show(runId)} can't continue: ${messageOf(error)}`;
  const named = new StoreError(message, code, { cause: error });
  if (run !== undefined) named.run = run;
  return named;
}
