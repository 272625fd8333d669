import { AsyncResource } from "node:async_hooks";
import { onAbort } from "../base/abort.js";
import { Timer } from "../base/timer.js";
import { MissingInputError, StoreError, type DagwrightError } from "../base/errors.js";
import { messageOf } from "../base/message.js";
import { setImmediate } from "../base/event-loop.js";
import { warn } from "../base/warning.js";
import { current } from "../definition/current-context.js";
import type { Holder, Resource } from "../policies/holder.js";
import type { Scheduler } from "../policies/scheduler.js";
import { broken, cancelled, expired } from "../run/endings.js";
import { ExecutionError } from "../run/errors.js";
import type { RunBase } from "../run/run-base.js";
import type { RunStatus } from "../run/status.js";
import type { Recorder } from "./durable/recorder.js";
import type { EventEmitter } from "./event-emitter.js";
import type { CommonRunOptions } from "./options.js";
import type { RunTelemetry } from "./telemetry/telemetry.js";

/** Called once when the run has ended. `run` rejects with the error, if there is one. */
export type RunEnd<R> = (result: R, error: DagwrightError | undefined) => void;

/** The loop of a run, as its lifecycle sees it. */
export interface Loop<R> {
  readonly state: RunBase;
  readonly options: CommonRunOptions;
  readonly sync: boolean;
  readonly scheduler: Scheduler | undefined;
  /** The node that began the run, if it is tracked. */
  readonly caller: Holder | undefined;
  /** See {@link BegunRun}. */
  awaitedSlots(): Iterable<Resource>;
  /**
   * Resolves when the inputs are checked, and rejects when they are invalid; undefined when they are already checked.
   */
  readonly checking: Promise<void> | undefined;
  /** Writes the run to its store; undefined when it has none. */
  readonly recorder: Recorder | undefined;
  emitter: EventEmitter | undefined;
  /** Follows the run; undefined when nothing does. */
  readonly telemetry: RunTelemetry | undefined;
  /** Starts the first node or state. */
  begin(): void;
  /** Cancels nodes that have not settled and aborts those in flight. Returns whether hooks need a turn to run. */
  cancelOpen(error: DagwrightError): boolean;
  /** Cancels the remaining runs inside. Returns a promise if one of them needs a turn to end. */
  endChildren(): Promise<void> | undefined;
  /** Releases the loop's own timers and waiters. */
  release(status: RunStatus): void;
  resultOf(status: RunStatus): R;
  /** Ends the run because it can't be recorded. */
  recordingFailed(error: DagwrightError): void;
}

/** The phases of a run, in order. A run enters each at most once. */
const Phase = { created: 0, opening: 1, running: 2, over: 3, recording: 4, settled: 5 } as const;

/**
 * Takes a run from its start to its end, through these phases:
 *
 * - created: asynchronous schemas may be checking its inputs. A run that ends meanwhile never began: it is not
 *   recorded, and emits no events;
 * - opening: it is being added to its store;
 * - running: from `run.started` on;
 * - over: no node starts or settles any more. An early end (abort, timeout, failure) first cancels the open nodes. The
 *   runs inside end before the run does;
 * - recording: its end is being written to its store;
 * - settled: signal, timer and scheduler are released, `run.finished` was emitted and `onEnd` called.
 *
 * Code that only some runs need, and that creates closures, is in methods of its own, since a function with closures
 * allocates on every call.
 */
export class Lifecycle<R> {
  /** Whether the run is over, or cancelling its open nodes. */
  isOver = false;
  private phase: number = Phase.created;
  private onEnd: RunEnd<R> | undefined = undefined;
  /** The async context of `startDeferred`. */
  private asyncContext: AsyncResource | undefined = undefined;
  private timer: Timer | undefined = undefined;
  private removeListener: (() => void) | undefined = undefined;
  /** Whether the run settles without waiting for the store. */
  private isUrgent = false;
  /** Whether the run ended before its inputs were checked. */
  isRefused = false;
  /** Settles the run without waiting for the store; only while recording. */
  private settleNow: (() => void) | undefined = undefined;

  constructor(private readonly loop: Loop<R>) {}

  get isSettled(): boolean {
    return this.phase === Phase.settled;
  }

  // --- created, opening, running ---

  /** Starts the run. A synchronous run has ended when this returns. */
  start(onEnd: RunEnd<R>): void {
    this.prepare(onEnd);
    this.proceed();
  }

  /**
   * Starts the run, with its first event and its first node deferred.
   * @param schedule - calls its argument later
   */
  startDeferred(onEnd: RunEnd<R>, schedule: (begin: () => void) => void): void {
    this.prepare(onEnd);
    this.asyncContext = new AsyncResource("DagwrightRun");
    schedule(() => this.proceed());
  }

  /** Adds another callback for the end of the run, which must not have settled. */
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
    current.runs++;
    try {
      scheduler?.begin();
      this.loop.caller?.begin(this.loop);
      if (signal !== undefined) this.follow(signal);
    } catch (fault) {
      this.failInternally(fault);
    }
    if (timeout !== undefined && !sync && !this.isOver) this.expireAfter(timeout);
  }

  private follow(signal: AbortSignal): void {
    this.removeListener = onAbort(signal, (reason) => this.cancel(reason));
  }

  private expireAfter(timeout: number): void {
    this.timer = Timer.after(timeout, () => this.expire());
  }

  private proceed(): void {
    if (this.phase !== Phase.created) return;
    if (this.asyncContext === undefined) this.begin();
    else this.asyncContext.runInAsyncScope(() => this.begin());
  }

  private begin(): void {
    const { checking } = this.loop;
    if (checking === undefined) this.open();
    else this.openWhen(checking);
  }

  private openWhen(checking: Promise<void>): void {
    checking.then(
      () => this.isOver || this.open(),
      (error: DagwrightError) => this.isOver || this.refuse("failed", error),
    );
  }

  /** Ends the run before its inputs are checked. @param isError - whether it ends with the error */
  private refuse(status: RunStatus, error: DagwrightError, isError = true): void {
    const { recorder } = this.loop;
    this.isOver = this.isRefused = true;
    this.loop.emitter = undefined;
    this.guard(() => this.loop.release(status));
    this.leave();
    recorder?.refuse(error);
    this.settle(status, isError ? error : undefined);
  }

  private open(): void {
    const { recorder } = this.loop;
    if (recorder === undefined) this.run();
    else this.openIn(recorder);
  }

  private openIn(recorder: Recorder): void {
    this.phase = Phase.opening;
    recorder.open().then(
      () => this.isOver || this.run(),
      (error: DagwrightError) => this.openFailed(error),
    );
  }

  private run(): void {
    try {
      this.emitStart();
      if (this.isOver) return;
      if (this.loop.telemetry === undefined) this.loop.begin();
      else this.beginWithin(this.loop.telemetry);
    } catch (fault) {
      this.failInternally(fault);
    }
  }

  private beginWithin(telemetry: RunTelemetry): void {
    telemetry.within(() => this.loop.begin());
  }

  private emitStart(): void {
    if (this.phase >= Phase.running) return;
    this.phase = Phase.running;
    const { emitter, state } = this.loop;
    emitter?.emit({ type: "run.started", workflow: state.workflow, inputs: state.inputs });
  }

  /** The store did not accept the run. */
  private openFailed(error: DagwrightError): void {
    if (this.isOver) return;
    if (!this.isDuplicate(error)) return this.loop.recordingFailed(error);
    this.isOver = true;
    this.loop.emitter = undefined;
    this.leave();
    this.settle("failed", error);
  }

  /** Whether the store already has a run of this id, to which the caller attaches. */
  private isDuplicate(error: DagwrightError): boolean {
    return this.loop.options.ifExists === "attach" && error.code === "RUN_EXISTS";
  }

  // --- over ---

  /** Ends the run as `cancelled`, at once. */
  cancel(reason: unknown): void {
    if (this.isOver) this.settleEarly();
    else this.interrupt("cancelled", cancelled(this.loop.state, reason));
  }

  /** Ends the run as `cancelled`, at once and without an error. */
  stop(): void {
    if (this.isOver) this.settleEarly();
    else this.interrupt("cancelled", cancelled(this.loop.state, "stop() was called"), { rejects: false });
  }

  /** Ends the run because its timeout has elapsed. */
  expire(): void {
    if (this.isOver) this.settleEarly();
    else this.interrupt("failed", expired(this.loop.state, this.loop.options.timeout));
  }

  /** Settles a run that is over without waiting for its store. */
  private settleEarly(): void {
    this.isUrgent = true;
    this.settleNow?.();
  }

  /** Ends the run early, without waiting for its store. */
  private interrupt(status: RunStatus, error: DagwrightError, { rejects = true } = {}): void {
    this.isUrgent = true;
    this.halt(status, error, { rejects });
  }

  /** Ends the run early, after cancelling its open nodes. */
  halt(status: RunStatus, error: DagwrightError, { rejects = true } = {}): void {
    if (this.isOver) return;
    if (this.loop.checking !== undefined && this.phase === Phase.created) return this.refuse(status, error, rejects);
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

  /** Ends the run, which has no open nodes. */
  end(status: RunStatus, error: DagwrightError | undefined): void {
    if (this.phase >= Phase.over) return;
    this.phase = Phase.over;
    this.isOver = true;
    let left: Promise<void> | undefined;
    try {
      left = this.loop.endChildren();
      this.loop.release(status);
    } catch (fault) {
      this.failInternally(fault);
    }
    this.leave();
    if (left === undefined) this.close(status, error);
    else this.closeAfter(left, status, error);
  }

  private closeAfter(left: Promise<void>, status: RunStatus, error: DagwrightError | undefined): void {
    this.loop.recorder?.waitUntil(left);
    void left.then(() => this.close(status, error));
  }

  /** Records and settles a run whose runs inside have ended. */
  private close(status: RunStatus, error: DagwrightError | undefined): void {
    const { recorder } = this.loop;
    if (recorder === undefined) this.settle(status, error);
    else this.record(recorder, status, error);
  }

  /** The nodes of the run no longer wait. */
  private leave(): void {
    const { scheduler, caller } = this.loop;
    caller?.end(this.loop);
    if (scheduler === undefined) return;
    try {
      scheduler.end();
    } catch (fault) {
      this.failInternally(fault);
    }
  }

  /** Executes a callback. If it throws, ends the run, which would otherwise never end. */
  guard(work: () => void): void {
    try {
      work();
    } catch (fault) {
      this.failInternally(fault);
    }
  }

  /** Ends the run because of an exception that neither a node nor a hook threw. */
  failInternally(fault: unknown): void {
    const error = broken(this.loop.state, fault);
    if (this.isOver) warn(error.message, "DagwrightRunWarning");
    else this.halt("failed", error);
  }

  // --- recording, settled ---

  /** Records the end of the run, then settles it; an urgent one is settled at once. */
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
      if (unwritten !== error && !this.isDuplicate(unwritten) && !isCausedByStore(error)) {
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
    current.runs--;
    const { onEnd } = this;
    this.onEnd = this.settleNow = undefined;
    if (this.removeListener !== undefined) this.guard(this.removeListener);
    this.timer?.stop();
    this.loop.emitter?.emit({ type: "run.finished", status, error });
    const result = this.loop.resultOf(status);
    if (error !== undefined) attachRun(error, result);
    onEnd?.(result, error);
  }
}

/** Whether an error came about because a store failed, which ended the run that contains this one. */
function isCausedByStore(error: unknown): boolean {
  let at = error;
  for (let depth = 0; at instanceof Error && depth < 100; depth++, at = at.cause)
    if (at instanceof StoreError) return true;
  return false;
}

/** Sets the error's `run` to the partial result. */
function attachRun(error: DagwrightError, run: unknown): void {
  if (!(error instanceof ExecutionError || error instanceof MissingInputError || error instanceof StoreError)) return;
  try {
    error.run = run;
  } catch {
    // An observer froze the error.
  }
}
