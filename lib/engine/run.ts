import { AsyncResource } from "node:async_hooks";
import { setImmediate } from "../base/turn.js";
import { LazyAbort, onAbort } from "../base/abort.js";
import { Alarm } from "../base/alarm.js";
import { MissingInputError, StoreError, type DagwrightError } from "../base/errors.js";
import { messageOf } from "../base/message.js";
import { warn } from "../base/warning.js";
import type { NodeHooks } from "../definition/specs/node-options.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import type { ResultCache } from "../policies/cache.js";
import { callerNow } from "../policies/callers.js";
import type { Scheduler } from "../policies/scheduler.js";
import type { AttemptControls } from "../run/context.js";
import { broken, cancelled, expired, interruption } from "../run/endings.js";
import { ExecutionError } from "../run/errors.js";
import type { Observer } from "../run/events.js";
import type { RunBase } from "../run/run-base.js";
import type { RunStatus } from "../run/status.js";
import { Announcer, type Subject } from "./event-emitter.js";
import type { Recorder } from "./durable/recorder.js";
import type { Attempts } from "./attempts.js";
import type { CommonRunOptions } from "./options.js";

/** Called once, when the run has ended; with `error`, it rejects. */
export type RunEnd<R> = (result: R, error: DagwrightError | undefined) => void;

/** What a run needs beside its options, resolved against the plan. */
export interface EngineSetup {
  /** Nobody can wait: a promise is an error, and pauses block. */
  readonly sync: boolean;
  /** The hooks of all nodes: the default ones, then the run's. */
  readonly hooks: readonly NodeHooks[];
  cacheOf(node: NodeSpec): ResultCache | undefined;
  /** Writes the run to its store; undefined when it has none. */
  readonly recorder?: Recorder;
}

/**
 * What the runs of dags and of fsms have in common: how they start, are told to stop, are listened to, and end.
 *
 * A run ends once. What ends it before its time (an abort, its timeout, a failure) cancels what is open, gives up what is
 * in progress, and lets go of signal, timer and scheduler.
 */
export abstract class EngineRun<S extends RunBase & Subject, R> implements AttemptControls {
  readonly sync: boolean;
  readonly hooks: readonly NodeHooks[];
  announcer: Announcer | undefined;
  readonly scheduler: Scheduler | undefined;
  /** The node that has begun it, if that holds anything. */
  readonly caller = callerNow();
  /** How many more nodes may start; finite only when stepping. */
  protected budget = Infinity;
  protected over = false;
  protected lazyAttempts: Attempts | undefined = undefined;
  protected onIdle: (() => void) | undefined = undefined;
  /** The async context of whoever started it, where its start was left for later. */
  private home: AsyncResource | undefined = undefined;
  private hasStarted = false;
  private hasEnded = false;
  private isOpening = false;
  private onEnd: RunEnd<R> | undefined = undefined;
  /** Somebody wants it to end, and does not wait until that is recorded. */
  private isHurried = false;
  /** While the end is being recorded: settles the run without waiting for that. */
  private settle: (() => void) | undefined = undefined;
  private lazyAbort: LazyAbort | undefined = undefined;
  private alarm: Alarm | undefined = undefined;
  private removeListener: (() => void) | undefined = undefined;

  constructor(
    readonly state: S,
    protected readonly options: CommonRunOptions,
    protected readonly setup: EngineSetup,
  ) {
    const { observers, scheduler } = options;
    this.sync = setup.sync;
    this.hooks = setup.hooks;
    const { recorder } = setup;
    const isHeard = observers !== undefined || recorder !== undefined;
    this.announcer = isHeard ? new Announcer(state, observers ?? [], recorder) : undefined;
    this.scheduler = scheduler;
    if (recorder !== undefined) recorder.run = this;
  }

  /** Begins with the first node. */
  protected abstract begin(): void;
  /** Goes on as far as possible. */
  protected abstract pump(): void;
  /** Cancels what has not settled. */
  protected abstract cancelOpen(): void;
  /** From now on there is somebody to tell. */
  protected abstract listened(announcer: Announcer): void;
  protected abstract resultOf(status: RunStatus): R;

  /** Whether nothing happens in it any more. */
  get isOver(): boolean {
    return this.over;
  }

  get isSettled(): boolean {
    return this.over && this.onEnd === undefined;
  }

  /** Resolves when the run is known to its store, at once without one. @throws {StoreError} */
  get recorded(): Promise<void> {
    return this.setup.recorder?.opened ?? Promise.resolve();
  }

  /** Ends the run because of what can't be recorded. */
  unrecordable(error: Error): void {
    if (!this.over) this.halt("failed", error as DagwrightError);
  }

  /** Aborts when the run ends before its time. */
  get signal(): AbortSignal {
    return this.abort.signal;
  }

  protected get abort(): LazyAbort {
    return (this.lazyAbort ??= new LazyAbort());
  }

  /**
   * Starts the run. In a synchronous run it has ended when this returns.
   * @param budget - how many nodes may start; further ones need {@link EngineRun.resume}
   * @param onIdle - called when the budget is spent and what it started has settled
   */
  start(onEnd: RunEnd<R>, budget = Infinity, onIdle?: () => void): void {
    this.prepare(onEnd);
    this.budget = budget;
    this.onIdle = onIdle;
    this.go();
  }

  /**
   * Starts the run, too, but leaves the first node and the first event for later.
   * @param soon - calls what it is given later
   */
  startSoon(onEnd: RunEnd<R>, soon: (begin: () => void) => void): void {
    this.prepare(onEnd);
    this.home = new AsyncResource("DagwrightRun");
    soon(() => this.go());
  }

  /** Calls `onEnd` as well when the run has ended; it must not have settled. */
  join(onEnd: RunEnd<R>): void {
    const { onEnd: first } = this;
    this.onEnd = (result, error) => {
      first?.(result, error);
      onEnd(result, error);
    };
  }

  private prepare(onEnd: RunEnd<R>): void {
    const { signal, timeout } = this.options;
    this.onEnd = onEnd;
    try {
      this.scheduler?.begin();
      if (signal !== undefined) this.removeListener = onAbort(signal, (reason) => this.cancel(reason));
    } catch (fault) {
      this.breakOff(fault);
    }
    if (timeout !== undefined && !this.sync && !this.over) this.alarm = Alarm.after(timeout, () => this.expire());
  }

  /** Does what {@link EngineRun.startSoon} has left for later, if it is not done yet. */
  go(): void {
    if (this.over || this.hasStarted || this.isOpening) return;
    if (this.home === undefined) this.goWhenRecorded();
    else this.home.runInAsyncScope(() => this.goWhenRecorded());
  }

  private goWhenRecorded(): void {
    const { recorder } = this.setup;
    if (recorder === undefined) return this.goNow();
    this.isOpening = true;
    recorder.open().then(
      () => this.over || this.goNow(),
      (error: DagwrightError) => this.refused(error),
    );
  }

  /** The store does not take the run. */
  private refused(error: DagwrightError): void {
    if (this.over) return;
    if (!this.isAnother(error)) return this.halt("failed", error);
    this.over = true;
    this.announcer = undefined;
    this.endScheduler();
    this.conclude("failed", error);
  }

  /** Whether there is no such run, and whoever began it attaches to the one that the store has. */
  private isAnother(error: DagwrightError): boolean {
    return this.options.ifExists === "attach" && error.code === "RUN_EXISTS";
  }

  private goNow(): void {
    try {
      this.announceStart();
      if (!this.over) this.begin();
    } catch (fault) {
      this.breakOff(fault);
    }
  }

  private announceStart(): void {
    if (this.hasStarted) return;
    this.hasStarted = true;
    this.announcer?.announce({ type: "run.started", workflow: this.state.workflow, inputs: this.state.inputs });
  }

  /** Lets `budget` more nodes start; `onIdle` as in {@link EngineRun.start}. */
  resume(budget: number, onIdle: () => void): void {
    this.budget = budget;
    this.onIdle = onIdle;
    this.pump();
  }

  /** Ends the run as `cancelled`, now. */
  cancel(reason: unknown): void {
    if (this.over) this.hurry();
    else this.interrupt("cancelled", cancelled(this.state, reason));
  }

  protected expire(): void {
    if (this.over) this.hurry();
    else this.interrupt("failed", expired(this.state, this.options.timeout));
  }

  /** Waits no more for how the run ended to be recorded, be that under way or still to come. */
  private hurry(): void {
    this.isHurried = true;
    this.settle?.();
  }

  /** Ends the run now, because somebody wants it: how it ended is recorded behind. @param rejects - with the error */
  protected interrupt(status: RunStatus, error: DagwrightError, rejects = true): void {
    this.isHurried = true;
    this.halt(status, error, rejects);
  }

  /** Tells an observer what happens from now on; gives a function that ends it, undefined when the run has ended. */
  observe(observer: Observer): (() => void) | undefined {
    if (this.isSettled) return undefined;
    if (this.announcer === undefined) {
      this.announcer = new Announcer(this.state, [], undefined);
      this.listened(this.announcer);
    }
    return this.announcer.add(observer);
  }

  cacheOf(node: NodeSpec): ResultCache | undefined {
    return this.setup.cacheOf(node);
  }

  progress(node: number, attempt: number, fraction: number | undefined, message: string | undefined): void {
    if (!this.over) this.announcer?.announce({ type: "node.progress", attempt, fraction, message }, node);
  }

  /** What has to be waited for before an attempt is made. */
  gate(): Promise<void> | undefined {
    return this.setup.recorder?.gate();
  }

  /** Does what was left for later. What it throws ends the run: nobody else would hear of it. */
  goOn(work: () => void): void {
    try {
      work();
    } catch (fault) {
      this.breakOff(fault);
    }
  }

  /** The last resort: something threw that must not. Ends the run, which would stay open otherwise. */
  protected breakOff(fault: unknown): void {
    const error = broken(this.state, fault);
    if (this.over) warn(error.message, "DagwrightRunWarning");
    else this.halt("failed", error);
  }

  /** Ends the run before its time. @param rejects - with the error */
  protected halt(status: RunStatus, error: DagwrightError, rejects = true): void {
    if (this.over) return;
    this.over = true;
    let interrupted = false;
    this.goOn(() => {
      this.announceStart();
      this.cancelOpen();
      const reason = interruption(this.state, error);
      this.abort.abort(reason);
      interrupted = this.lazyAttempts?.interrupt(reason) === true;
    });
    const end = () => this.end(status, rejects ? error : undefined);
    if (!interrupted || this.sync) return end();
    // The hooks of attempts just given up get one turn of the event loop to clean up.
    setImmediate(end);
    this.setup.recorder?.outlast(new Promise((resolve) => setImmediate(resolve)));
  }

  /** Nothing happens in the run any more; it has ended when that is recorded. */
  protected end(status: RunStatus, error: DagwrightError | undefined): void {
    if (this.hasEnded) return;
    this.over = this.hasEnded = true;
    this.endScheduler();
    const { recorder } = this.setup;
    if (recorder === undefined) this.conclude(status, error);
    else this.record(recorder, status, error);
  }

  private endScheduler(): void {
    try {
      this.scheduler?.end();
    } catch (fault) {
      this.breakOff(fault);
    }
  }

  /** Settles when the end is recorded, or at once for those who do not wait. */
  private record(recorder: Recorder, status: RunStatus, error: DagwrightError | undefined): void {
    const recording = recorder.finish(status, error);
    this.state.recording = recording;
    this.settle = () => {
      recorder.outlast(recording);
      this.conclude(status, error);
    };
    const recorded = () => this.conclude(status, error);
    recording.then(recorded, (unwritten: DagwrightError) => {
      if (error === undefined && !this.isSettled) return this.conclude("failed", unwritten);
      if (unwritten !== error && !this.isAnother(unwritten)) {
        const message = `How run "${this.state.runId}" ended could not be recorded: ${messageOf(unwritten)}`;
        warn(message, "DagwrightStoreWarning");
      }
      this.conclude("failed", error);
    });
    if (this.isHurried) this.settle();
  }

  private conclude(status: RunStatus, error: DagwrightError | undefined): void {
    const { onEnd } = this;
    if (onEnd === undefined) return;
    this.onEnd = this.settle = undefined;
    try {
      this.removeListener?.();
    } catch (fault) {
      this.breakOff(fault);
    }
    this.alarm?.stop();
    this.announcer?.announce({ type: "run.finished", status, error });
    const result = this.resultOf(status);
    if (error !== undefined) attach(result, error);
    onEnd(result, error);
  }
}

/** Makes what there is of a run part of the error it ended with. */
function attach(run: unknown, error: DagwrightError): void {
  if (!(error instanceof ExecutionError || error instanceof MissingInputError || error instanceof StoreError)) return;
  try {
    error.run = run;
  } catch {
    // Whoever was told of it has frozen it.
  }
}
