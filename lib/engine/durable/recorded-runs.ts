import { show } from "../../base/check.js";
import { onAbort, type LazyAbort } from "../../base/abort.js";
import { deferred } from "../../base/deferred.js";
import { StoreError, ValidationError, type DagwrightError, type StoreErrorCode } from "../../base/errors.js";
import { requireValid, type Planning } from "../../planning/validity.js";
import type { RunBase } from "../../run/run-base.js";
import { otherWorkflow } from "../../stores/other-workflow.js";
import type { Claim, RecordedRun, RunLog, RunStore, WorkflowKind } from "../../stores/store.js";
import { timeOfDay } from "../../stores/time.js";
import type { Subject } from "../event-emitter.js";
import { checkRunId } from "../options.js";
import type { EngineRun } from "../run.js";
import type { AnyPlan } from "../run-factory.js";
import { outcomeNow, outcomeOf, type Outcome } from "../outcome.js";
import type { Runs } from "../runs.js";
import { admission, whenAdmitted } from "./admission.js";
import { Whereabouts } from "../whereabouts.js";
import { interruptible, PAUSE, type Patience } from "./interruption.js";
import { inTurn, liveRun, type LiveRun } from "./live-runs.js";
import type { Recorder } from "./recorder.js";
import { takeUpAll, recoverAll, type RecoverySettings } from "./recovery.js";
import { recordedError, requireSameInputs } from "./restore.js";

/** A recorded run that goes on. */
export interface GoingOn<Run> {
  readonly run: Run;
  readonly recorder: Recorder;
  readonly claim: Claim;
}

/** A recorded run that is over. */
export interface Over<R> {
  readonly result: R;
  /** What it failed with; undefined when it resolved. */
  readonly error?: DagwrightError;
}

/** Where a recorded run is looked for, and how long. */
export interface Place extends Patience {
  readonly store: RunStore;
  readonly strict?: boolean | undefined;
}

/** A run that was taken up, or the result that it had already. */
interface Taken<Run, R> {
  readonly run: Run | undefined;
  readonly outcome: Outcome<R>;
  readonly result: R | undefined;
}

/** What makes handles. */
export interface Handles<Run, R, H extends E & Handle<R>, E> {
  /** Of a run that has begun. */
  begun(run: Run, outcome: Outcome<R>): H;
  ended(result: R, outcome: Outcome<R>): H;
  /** Of a run that may turn out to be another. */
  either(own: H, where: Whereabouts<H, E>, run: Run): H;
}

interface Handle<R> {
  readonly result: Promise<R>;
  readonly recorded: Promise<void>;
  pause(): Promise<R>;
}

/** A run that another process drives. */
export interface Elsewhere<E> {
  /** What there is of it. */
  readonly handle: E;
  /** Takes in what is recorded of it by now. */
  look?(): Promise<void>;
}

/** How a run goes on by what is recorded of it; undefined when it is not wanted. */
type Decide<Run, R> = (recorded: RecordedRun) => GoingOn<Run> | Over<R> | undefined;

/**
 * The recorded runs of one workflow: takes up those that nobody drives, and finds those that this process does.
 *
 * `Run` is its engine, `R` its result, `H` its handle, `E` what there is of that while another process drives the run, `O` the
 * options that it goes on with.
 */
export abstract class RecordedRuns<
  Run extends EngineRun<RunBase & Subject, R>,
  R extends object,
  H extends E & Handle<R>,
  E,
  O extends Place,
> {
  protected abstract readonly kind: WorkflowKind;
  protected abstract readonly handles: Handles<Run, R, H, E>;

  constructor(
    protected readonly factory: { readonly planning: Planning<AnyPlan> },
    protected readonly runs: Runs<R>,
  ) {}

  protected get workflow(): string {
    return this.factory.planning.plan.workflow;
  }

  /** Checks the options of each method. @throws {TypeError} | {RangeError} */
  protected abstract readonly checks: {
    resume(options: O, method: "resume" | "attach"): void;
    attachAll(options: object): void;
    recover(options: object): void;
  };

  /**
   * How a run goes on; its result when it is complete.
   * @param hasHandle - somebody can send events to it
   * @throws {ValidationError} when it does not fit the workflow
   */
  protected abstract continued(recorded: RecordedRun, options: O, hasHandle: boolean): GoingOn<Run> | Over<R>;
  /** What a run came to that has ended, in whichever way. @throws {ValidationError} as above */
  protected abstract ended(recorded: RecordedRun): R;
  /**
   * Gives a run in progress what it would have gone on with, and says whether it could: a run that is over is to be taken up.
   * @throws {ValidationError} for what it can't take; {StoreError} UNSTORABLE
   */
  protected abstract give(run: Run, options: O): boolean;
  protected abstract isOurs(run: LiveRun): run is LiveRun & Run;
  /**
   * A run that another process drives.
   * @param pause - pauses it if that is not so any more. @throws {StoreError} LEASE_HELD
   * @param here - its handle, when it is here
   */
  protected abstract elsewhere(
    pause: () => Promise<R>,
    recorded: RecordedRun,
    options: O,
    here: Promise<H>,
  ): Elsewhere<E>;

  /** What is recorded of a run. @throws {StoreError} NOT_FOUND */
  protected read(runId: string, place: Place): Promise<RecordedRun> {
    const { workflow } = this;
    return interruptible(place, { workflow, runId }, () => place.store.read(runId));
  }

  /** Goes on with a run to its end. */
  async resume(runId: string, options: O): Promise<R> {
    checkRunId(runId);
    this.checks.resume(options, "resume");
    const decide = (recorded: RecordedRun) => this.continued(recorded, options, false);
    const taken = await this.inTurn(runId, options.store, options, (abort) =>
      this.takeUp(runId, options, decide, abort),
    );
    return (taken as Taken<Run, R>).outcome.result;
  }

  /** Goes on with all runs that nobody drives, to their ends. */
  async recover(options: O & RecoverySettings): Promise<R[]> {
    this.checks.recover(options);
    requireValid(this.factory.planning, options);
    return this.recoverNow(options, options);
  }

  protected recoverNow(options: O, settings: RecoverySettings): Promise<R[]> {
    const look = () => options.store.recoverable(this.workflow, this.kind);
    const takeUp = async (runId: string) => (await this.takeUpAbandoned(runId, options, false))?.outcome.result;
    return recoverAll(look, takeUp, settings);
  }

  /** The handle of a run that this process drives, or takes up. */
  async attach(runId: string, options: O): Promise<H> {
    checkRunId(runId);
    this.checks.resume(options, "attach");
    return this.find(runId, options, (recorded) => this.continued(recorded, options, true), options);
  }

  /** The handles of all runs that nobody drives, which are taken up. */
  async attachAll(options: O): Promise<H[]> {
    this.checks.attachAll(options);
    requireValid(this.factory.planning, options);
    const { free } = await options.store.recoverable(this.workflow, this.kind);
    return takeUpAll(free, async (runId) => {
      const taken = await this.takeUpAbandoned(runId, options, true);
      return taken === undefined ? undefined : this.handleOfTaken(taken);
    });
  }

  /**
   * The handle of a new run, or of the one that the store has under its id.
   * @param how - whether the caller gets to see the handle
   * @param again - makes the new run once more, for when the other one is removed before anything is known of it
   */
  startOrAttach(
    run: Run,
    options: O,
    { hasHandle }: { readonly hasHandle: boolean },
    again: () => Run | Promise<Run>,
  ): H {
    const outcome = this.runs.begin(run, hasHandle ? whenAdmitted : undefined);
    const own = this.handles.begun(run, outcome);
    const giveUp = new AbortController();
    const elsewhere = deferred<E>();
    const here: Promise<H> = Promise.race([run.recorded, outcome.result]).then(
      () => own,
      (error: unknown) => {
        if (!isCode(error, "RUN_EXISTS")) return own;
        const { signal } = options;
        const removeListener = signal && onAbort(signal, (reason) => giveUp.abort(reason));
        let isKnown = false;
        const held = (recorded: RecordedRun, pause: () => Promise<R>) => {
          isKnown = true;
          const found = this.elsewhere(pause, recorded, options, here);
          elsewhere.resolve(found.handle);
          return found;
        };
        const removed = async (cause: unknown) => {
          // Whoever has been told that there is a run is not given another one.
          if (isKnown || !isCode(cause, "NOT_FOUND")) throw cause;
          return this.startOrAttach(await again(), options, { hasHandle }, again);
        };
        const found = this.existing(run, options, hasHandle, giveUp.signal, held).catch(removed);
        return found.finally(() => removeListener?.());
      },
    );
    const where = new Whereabouts<H, E>(own, here, elsewhere.promise, (reason) => giveUp.abort(reason));
    return this.handles.either(own, where, run);
  }

  /**
   * The handle of the run that is recorded under the id of a new one; waits while another process drives it.
   * @param held - called once when that is so
   */
  private existing(
    { state }: Run,
    options: O,
    hasHandle: boolean,
    signal: AbortSignal,
    held: (recorded: RecordedRun, pause: () => Promise<R>) => Elsewhere<E>,
  ): Promise<H> {
    const { runId, inputs } = state;
    const decide = (recorded: RecordedRun) => {
      const goesOn = recorded.status === "running";
      const next = goesOn ? this.continued(recorded, options, hasHandle) : this.over(recorded);
      requireSameInputs(runId, recorded.inputs, inputs);
      return next;
    };
    return interruptible({ signal, timeout: options.timeout }, state, async (abort) => {
      const find = async () => {
        const live = this.live(runId, options);
        if (live !== undefined) requireSameInputs(runId, live.state.inputs, inputs);
        return this.find(runId, options, decide, abort);
      };
      let elsewhere: Elsewhere<E> | undefined;
      for (let pause = PAUSE.first; ; pause = Math.min(pause * 2, PAUSE.last)) {
        try {
          return await find();
        } catch (error) {
          if (abort.aborted || !isCode(error, "LEASE_HELD")) throw error;
        }
        // Nobody asks a run without a handle.
        if (elsewhere !== undefined && hasHandle) await elsewhere.look?.();
        elsewhere ??= held(await this.sameRun(options.store, state), async () => (await find()).pause());
        await new Promise((resolve) => setTimeout(resolve, pause));
        if (abort.aborted) throw abort.reason;
      }
    });
  }

  /** What is recorded of a run. @throws {ValidationError} | {StoreError} RUN_EXISTS unless it is one like that which was to begin */
  private async sameRun(store: RunStore, { runId, inputs }: Run["state"]): Promise<RecordedRun> {
    const recorded = await store.read(runId);
    const { kind, workflow } = this;
    if (recorded.kind !== kind || recorded.workflow !== workflow) throw otherWorkflow(runId, recorded, kind, workflow);
    requireSameInputs(runId, recorded.inputs, inputs);
    return recorded;
  }

  private over(recorded: RecordedRun): Over<R> {
    const result = this.ended(recorded);
    return { result, error: recordedError(recorded, result) };
  }

  /** The handle of a run that this process drives, or of one that is taken up if it is so decided. */
  private async find(runId: string, options: O, decide: Decide<Run, R>, patience: Patience): Promise<H> {
    const joined = () => {
      const run = this.live(runId, options);
      if (run === undefined || !this.give(run, options)) return undefined;
      const { result, ended } = outcomeOf<R>((onEnd) => run.life.join(onEnd));
      // Who joins it late and does not want to wait any more, leaves it to those who began it.
      const waiting = interruptible(options, run.state, () => result);
      waiting.catch(() => {});
      return this.handles.begun(run, { result: waiting, ended });
    };
    const taken = async (abort: LazyAbort) =>
      this.handleOfTaken((await this.takeUp(runId, options, decide, abort)) as Taken<Run, R>);
    const found = async (abort: LazyAbort) => joined() ?? taken(abort);
    return joined() ?? this.inTurn(runId, options.store, patience, found);
  }

  /** The run that this process drives. @throws {ValidationError} when it is one of another workflow */
  private live(runId: string, { store }: O): Run | undefined {
    const run = liveRun(store, runId);
    if (run === undefined || this.isOurs(run)) return run;
    const message = `Run ${show(runId)} is one of the workflow ${show(run.state.workflow)}, not of the ${this.kind} ${show(this.workflow)}. Use that one.`;
    throw new ValidationError(message);
  }

  private inTurn<T>(
    runId: string,
    store: RunStore,
    patience: Patience,
    work: (abort: LazyAbort) => Promise<T>,
  ): Promise<T> {
    const { workflow } = this;
    return interruptible(patience, { workflow, runId }, (abort) => inTurn(store, runId, () => work(abort)));
  }

  private takeUpAbandoned(runId: string, options: O, hasHandle: boolean): Promise<Taken<Run, R> | undefined> {
    // Somebody may have taken it, and ended it, meanwhile.
    const decide = (run: RecordedRun) => (isAbandoned(run) ? this.continued(run, options, hasHandle) : undefined);
    return this.inTurn(runId, options.store, options, (abort) => this.takeUp(runId, options, decide, abort));
  }

  /** Takes up a run, so that this process drives it, or gives its result; undefined for a run that is not wanted. */
  private async takeUp(
    runId: string,
    { store }: O,
    decide: Decide<Run, R>,
    abort: LazyAbort,
  ): Promise<Taken<Run, R> | undefined> {
    const turn = admission();
    if (turn !== undefined) await turn;
    let next: GoingOn<Run> | Over<R> | undefined;
    const log = await store.claim(runId, (recorded) => {
      if (abort.aborted) throw abort.reason;
      next = decide(recorded);
      return next !== undefined && "claim" in next ? next.claim : undefined;
    });
    if (next === undefined) return undefined;
    if (!("claim" in next)) {
      const { result, error } = next;
      this.runs.last = result;
      return { run: undefined, result, outcome: outcomeNow(result, error) };
    }
    const { run, recorder } = next;
    recorder.attach(log as RunLog);
    const outcome = this.runs.begin(run);
    if (abort.aborted) run.life.cancel(abort.reason);
    return { run, outcome, result: undefined };
  }

  private handleOfTaken({ run, result, outcome }: Taken<Run, R>): H {
    return run === undefined ? this.handles.ended(result as R, outcome) : this.handles.begun(run, outcome);
  }
}

/** Whether a run has to go on: it is unfinished, or paused and due, or it only waits for an event, which was sent. */
function isAbandoned(run: RecordedRun): boolean {
  const { status, dueAt = Infinity, cycles, events } = run;
  if (status !== "paused") return status === "running";
  if (dueAt <= timeOfDay()) return true;
  const accepted = cycles.at(-1)?.wait?.events ?? [];
  return run.pauses.length === 0 && events.some(({ event }) => accepted.some(([name]) => name === event));
}

function isCode(error: unknown, code: StoreErrorCode): boolean {
  return error instanceof StoreError && error.code === code;
}
