import { AsyncResource } from "node:async_hooks";
import { onAbort } from "../base/abort.js";
import { Timer } from "../base/timer.js";
import { MissingInputError, StoreError, type DagwrightError } from "../base/errors.js";
import { messageOf } from "../base/message.js";
import { setImmediate } from "../base/event-loop.js";
import { warn } from "../base/warning.js";
import type { Scheduler } from "../policies/scheduler.js";
import { broken, cancelled, expired } from "../run/endings.js";
import { ExecutionError } from "../run/errors.js";
import type { RunBase } from "../run/run-base.js";
import type { RunStatus } from "../run/status.js";
import type { Recorder } from "./durable/recorder.js";
import type { EventEmitter } from "./event-emitter.js";
import type { CommonRunOptions } from "./options.js";

/** Called once, when the run has ended; with `error`, it rejects. */
export type RunEnd<R> = (result: R, error: DagwrightError | undefined) => void;

/** A loop that executes nodes or states, as its lifecycle sees it. */
export interface Loop<R> {
  readonly state: RunBase;
  readonly options: CommonRunOptions;
  readonly sync: boolean;
  readonly scheduler: Scheduler | undefined;
  /** Writes the run to its store; undefined when it has none. */
  readonly recorder: Recorder | undefined;
  emitter: EventEmitter | undefined;
  /** Starts the first node or state. */
  begin(): void;
  /** Cancels what has not settled and aborts what is in flight. Returns whether hooks of interrupted attempts need a turn to run. */
  cancelOpen(error: DagwrightError): boolean;
  /** Releases the loop's own timers and waiters. */
  release(status: RunStatus): void;
  resultOf(status: RunStatus): R;
}

/** The phases of a run, in order. A run goes through each at most once. */
const Phase = { created: 0, opening: 1, running: 2, over: 3, recording: 4, settled: 5 } as const;

/**
 * Takes a run from its start to its end, through these phases:
 *
 * - created;
 * - opening: its store is told of it;
 * - running: from `run.started` on;
 * - over: nothing happens in it any more. What ends it early (abort, timeout, failure) first cancels what is open;
 * - recording: how it ended is written to its store;
 * - settled: signal, timer and scheduler are released, `run.finished` is out and `onEnd` was called.
 */
export class Lifecycle<R> {
  /** Nothing happens in the run any more. */
  isOver = false;
  private phase: number = Phase.created;
  private onEnd: RunEnd<R> | undefined = undefined;
  /** The async context that called `startSoon`. */
  private home: AsyncResource | undefined = undefined;
  private timer: Timer | undefined = undefined;
  private removeListener: (() => void) | undefined = undefined;
  /** The caller wants the run to end now, without waiting for the end to be recorded. */
  private isUrgent = false;
  /** While recording: settles the run without waiting for the store. */
  private settleNow: (() => void) | undefined = undefined;

  constructor(private readonly loop: Loop<R>) {}

  get isSettled(): boolean {
    return this.phase === Phase.settled;
  }

  // --- created, opening, running ---

  /** Starts the run. A synchronous run has ended when this returns. */
  start(onEnd: RunEnd<R>): void {
    this.prepare(onEnd);
    this.go();
  }

  /**
   * Starts the run, but leaves its first event and first node for later.
   * @param soon - calls its argument later
   */
  startSoon(onEnd: RunEnd<R>, soon: (begin: () => void) => void): void {
    this.prepare(onEnd);
    this.home = new AsyncResource("DagwrightRun");
    soon(() => this.go());
  }

  /** Does now what {@link Lifecycle.startSoon} left for later, unless it is done. */
  go(): void {
    if (this.phase !== Phase.created) return;
    if (this.home === undefined) this.open();
    else this.home.runInAsyncScope(() => this.open());
  }

  /** Also calls `onEnd` when the run has ended, which must not have settled. */
  join(onEnd: RunEnd<R>): void {
    const { onEnd: first } = this;
    this.onEnd = (result, error) => {
      first?.(result, error);
      onEnd(result, error);
    };
  }

  private prepare(onEnd: RunEnd<R>): void {
    const { options, scheduler, sync } = this.loop;
    const { signal, timeout } = options;
    this.onEnd = onEnd;
    try {
      scheduler?.begin();
      if (signal !== undefined) this.removeListener = onAbort(signal, (reason) => this.cancel(reason));
    } catch (fault) {
      this.breakOff(fault);
    }
    if (timeout !== undefined && !sync && !this.isOver) this.timer = Timer.after(timeout, () => this.expire());
  }

  private open(): void {
    const { recorder } = this.loop;
    if (recorder === undefined) return this.run();
    this.phase = Phase.opening;
    recorder.open().then(
      () => this.isOver || this.run(),
      (error: DagwrightError) => this.refused(error),
    );
  }

  private run(): void {
    try {
      this.emitStart();
      if (!this.isOver) this.loop.begin();
    } catch (fault) {
      this.breakOff(fault);
    }
  }

  private emitStart(): void {
    if (this.phase >= Phase.running) return;
    this.phase = Phase.running;
    const { emitter, state } = this.loop;
    emitter?.emit({ type: "run.started", workflow: state.workflow, inputs: state.inputs });
  }

  /** The store did not accept the run. */
  private refused(error: DagwrightError): void {
    if (this.isOver) return;
    if (!this.isDuplicate(error)) return this.halt("failed", error);
    this.isOver = true;
    this.loop.emitter = undefined;
    this.endScheduler();
    this.settle("failed", error);
  }

  /** Whether the store has a run of this id, to which the caller attaches instead. */
  private isDuplicate(error: DagwrightError): boolean {
    return this.loop.options.ifExists === "attach" && error.code === "RUN_EXISTS";
  }

  // --- over ---

  /** Ends the run as `cancelled`, now. */
  cancel(reason: unknown): void {
    if (this.isOver) this.hurry();
    else this.interrupt("cancelled", cancelled(this.loop.state, reason));
  }

  /** Ends the run as `cancelled`, now, without an error. */
  stop(): void {
    if (this.isOver) this.hurry();
    else this.interrupt("cancelled", cancelled(this.loop.state, "stop() was called"), { rejects: false });
  }

  /** Ends the run because its timeout is over. */
  expire(): void {
    if (this.isOver) this.hurry();
    else this.interrupt("failed", expired(this.loop.state, this.loop.options.timeout));
  }

  /** No longer waits for the end to be recorded. */
  private hurry(): void {
    this.isUrgent = true;
    this.settleNow?.();
  }

  /** Ends the run early, without waiting for that to be recorded. */
  private interrupt(status: RunStatus, error: DagwrightError, { rejects = true } = {}): void {
    this.isUrgent = true;
    this.halt(status, error, { rejects });
  }

  /** Ends the run early: first cancels what is open. */
  halt(status: RunStatus, error: DagwrightError, { rejects = true } = {}): void {
    if (this.isOver) return;
    this.isOver = true;
    let needsTurn = false;
    this.guard(() => {
      this.emitStart();
      needsTurn = this.loop.cancelOpen(error);
    });
    const end = () => this.end(status, rejects ? error : undefined);
    if (!needsTurn || this.loop.sync) return end();
    setImmediate(end);
    this.loop.recorder?.waitUntil(new Promise((resolve) => setImmediate(resolve)));
  }

  /** Ends the run: nothing is left to do. */
  end(status: RunStatus, error: DagwrightError | undefined): void {
    if (this.phase >= Phase.over) return;
    this.phase = Phase.over;
    this.isOver = true;
    this.guard(() => this.loop.release(status));
    this.endScheduler();
    const { recorder } = this.loop;
    if (recorder === undefined) this.settle(status, error);
    else this.record(recorder, status, error);
  }

  private endScheduler(): void {
    this.guard(() => this.loop.scheduler?.end());
  }

  /** Runs deferred work. An exception ends the run, which would otherwise stay open. */
  guard(work: () => void): void {
    try {
      work();
    } catch (fault) {
      this.breakOff(fault);
    }
  }

  /** The last resort: ends the run because of an exception that neither a node nor a hook threw. */
  breakOff(fault: unknown): void {
    const error = broken(this.loop.state, fault);
    if (this.isOver) warn(error.message, "DagwrightRunWarning");
    else this.halt("failed", error);
  }

  // --- recording, settled ---

  /** Settles when the end is recorded, or at once if that is urgent. */
  private record(recorder: Recorder, status: RunStatus, error: DagwrightError | undefined): void {
    this.phase = Phase.recording;
    const { state } = this.loop;
    const recording = recorder.finish(status, error);
    state.recording = recording;
    this.settleNow = () => {
      recorder.waitUntil(recording);
      this.settle(status, error);
    };
    const recorded = () => this.settle(status, error);
    recording.then(recorded, (unwritten: DagwrightError) => {
      if (error === undefined && !this.isSettled) return this.settle("failed", unwritten);
      if (unwritten !== error && !this.isDuplicate(unwritten)) {
        const message = `How run "${state.runId}" ended could not be recorded: ${messageOf(unwritten)}`;
        warn(message, "DagwrightStoreWarning");
      }
      this.settle("failed", error);
    });
    if (this.isUrgent) this.settleNow();
  }

  private settle(status: RunStatus, error: DagwrightError | undefined): void {
    if (this.phase === Phase.settled) return;
    this.phase = Phase.settled;
    const { onEnd } = this;
    this.onEnd = this.settleNow = undefined;
    this.guard(() => this.removeListener?.());
    this.timer?.stop();
    this.loop.emitter?.emit({ type: "run.finished", status, error });
    const result = this.loop.resultOf(status);
    if (error !== undefined) attachRun(error, result);
    onEnd?.(result, error);
  }
}

/** Makes the partial result a property of the error. */
function attachRun(error: DagwrightError, run: unknown): void {
  if (!(error instanceof ExecutionError || error instanceof MissingInputError || error instanceof StoreError)) return;
  try {
    error.run = run;
  } catch {
    // An observer has frozen the error.
  }
}
