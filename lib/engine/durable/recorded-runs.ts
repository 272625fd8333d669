import { onAbort } from "../../base/abort.js";
import { show } from "../../base/check.js";
import { deferred } from "../../base/deferred.js";
import { StoreError, ValidationError, type StoreErrorCode } from "../../base/errors.js";
import { requireValid } from "../../planning/validity.js";
import { RunTimeoutError } from "../../run/errors.js";
import type { RunBase } from "../../run/run-base.js";
import { requireWorkflow } from "../../stores/require-workflow.js";
import type { RecordedRun, RunLog, RunStore, WorkflowKind } from "../../stores/store.js";
import type { ChildContinuation } from "../run-inside.js";
import type { EmittingRun } from "../event-emitter.js";
import type { OuterRun } from "../outer-run.js";
import { checkRunId } from "../options.js";
import type { RunFactory } from "../run-factory.js";
import { RunLocation } from "../run-location.js";
import { runPromises, settledRunPromises, type RunPromises } from "../run-promises.js";
import type { EngineRun } from "../run.js";
import type { Runs } from "../runs.js";
import { admission, whenAdmitted } from "./admission.js";
import { isRecoverable, type ContinuedRun, type Decide, type EndedRun, type RunUse } from "./continuation.js";
import { interruptible, POLL_DELAY, Wait, type WaitOptions } from "./interruptible.js";
import { drivenRun, type DrivenRun, type DriveOptions } from "./driven-run.js";
import type { Handles, LocalHandle, RemoteRun } from "./handles.js";
import { findLiveRun, runExclusive, type LiveRun } from "./live-runs.js";
import { claimAll, recoverAll, type RecoverySettings } from "./recovery.js";
import { recordedError, requireSameInputs } from "./restore.js";

/** The options that find a recorded run. */
export interface LookupOptions extends WaitOptions {
  readonly store: RunStore;
  readonly strict?: boolean | undefined;
}

/** A run to be recorded by one process, and driven by another. */
export interface Submission {
  /** As parsed by their schemas. */
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, unknown>> | undefined;
  readonly structure: string;
}

/** A run that was claimed and has been started, or the result of one that had ended. */
interface ClaimedRun<Run, R> {
  readonly run: Run | undefined;
  readonly promises: RunPromises<R>;
  readonly result: R | undefined;
}

/**
 * Continues the recorded runs of one workflow that have no driver, and attaches to those that this process drives.
 *
 * `R` is the result of a run, `H` its handle, `Remote` the part of the handle that exists while another process drives
 * the run, `O` the options with which it continues.
 */
export abstract class RecordedRuns<
  Run extends EngineRun<RunBase & EmittingRun, R>,
  R extends object,
  H extends Remote & LocalHandle<R>,
  Remote,
  O extends LookupOptions,
> {
  protected abstract readonly kind: WorkflowKind;
  protected abstract readonly handles: Handles<Run, R, H, Remote>;

  constructor(
    protected readonly factory: Pick<RunFactory<never, R, H>, "workflow" | "planning" | "acceptInside">,
    protected readonly runs: Runs<R>,
  ) {}

  protected get workflow(): string {
    return this.factory.workflow;
  }

  /** Checks the options of each method. @throws {TypeError} | {RangeError} */
  protected abstract readonly checks: {
    resume(options: O, method: "resume" | "attach"): void;
    attachAll(options: object): void;
    recover(options: object): void;
  };

  /**
   * Continues a run, or restores its result if it is completed.
   * @throws {ValidationError} when it does not fit the workflow
   */
  protected abstract continued(recorded: RecordedRun, options: O, use: RunUse): ContinuedRun<Run> | EndedRun<R>;
  /** The result of a run that has ended. @throws {ValidationError} when it does not fit the workflow */
  protected abstract ended(recorded: RecordedRun): R;
  /**
   * Passes the options of `attach` to a run in progress. Returns false if the run is over and has to be claimed
   * instead.
   * @throws {ValidationError} for an option that it can't take; {StoreError} UNSTORABLE
   */
  protected abstract update(run: Run, options: O): boolean;
  protected abstract isOurs(run: LiveRun): run is LiveRun & Run;
  /**
   * The run while another process drives it.
   * @param how - `pause` pauses the run if this process drives it by then, and otherwise rejects with LEASE_HELD;
   *   `local` resolves to the handle once this process has the run
   */
  protected abstract remote(
    recorded: RecordedRun,
    options: O,
    how: { readonly pause: () => Promise<R>; readonly local: Promise<H> },
  ): RemoteRun<Remote>;

  /** The record of a run. @throws {StoreError} NOT_FOUND */
  protected read(runId: string, options: LookupOptions): Promise<RecordedRun> {
    const { workflow } = this;
    return interruptible(options, { workflow, runId }, () => options.store.read(runId));
  }

  // --- the methods of `Workflow` ---

  async resume(runId: string, options: O): Promise<R> {
    checkRunId(runId);
    this.checks.resume(options, "resume");
    const decide = (recorded: RecordedRun) => {
      const next = this.continued(recorded, options, { hasHandle: false });
      return "claim" in next ? { ...next, claim: { ...next.claim, endsPause: true } } : next;
    };
    const claimed = await this.exclusively(runId, options, (wait) => this.claim(runId, options, decide, wait));
    return (claimed as ClaimedRun<Run, R>).promises.result;
  }

  async recover(options: O & RecoverySettings): Promise<R[]> {
    this.checks.recover(options);
    requireValid(this.factory.planning, options);
    return this.recoverNow(options, options);
  }

  protected recoverNow(options: O, settings: RecoverySettings): Promise<R[]> {
    const find = () => options.store.recoverable(this.workflow, this.kind);
    const recover = async (runId: string) => {
      const claimed = await this.claimRecoverable(runId, options, { hasHandle: false });
      return claimed?.promises.result;
    };
    return recoverAll(find, recover, settings);
  }

  async attach(runId: string, options: O): Promise<H> {
    checkRunId(runId);
    this.checks.resume(options, "attach");
    const decide = (recorded: RecordedRun) => this.continued(recorded, options, { hasHandle: true });
    return this.findOrClaim(runId, options, decide, options);
  }

  async attachAll(options: O): Promise<H[]> {
    this.checks.attachAll(options);
    requireValid(this.factory.planning, options);
    const { free } = await options.store.recoverable(this.workflow, this.kind);
    return claimAll(free, async (runId) => {
      const claimed = await this.claimRecoverable(runId, options, { hasHandle: true });
      return claimed === undefined ? undefined : this.handleOf(claimed);
    });
  }

  /**
   * Starts a new run, or attaches to the one that the store has under its id.
   * @param how - `create` creates the run again, if the existing one is removed before it was seen
   */
  startOrAttach(run: Run, options: O, how: RunUse & { readonly create: () => Run | Promise<Run> }): H {
    const promises = this.runs.begin(run, how.hasHandle ? whenAdmitted : undefined);
    const own = this.handles.started(run, promises);
    const giveUp = new AbortController();
    const remote = deferred<Remote>();
    const local: Promise<H> = Promise.race([run.recorded, promises.result]).then(
      () => own,
      (error: unknown) => {
        if (!hasCode(error, "RUN_EXISTS")) return own;
        const { signal } = options;
        const removeListener = signal && onAbort(signal, (reason) => giveUp.abort(reason));
        let wasSeen = false;
        const onHeld = (recorded: RecordedRun, pause: () => Promise<R>) => {
          wasSeen = true;
          const found = this.remote(recorded, options, { pause, local });
          remote.resolve(found.handle);
          return found;
        };
        const startAgain = async (cause: unknown) => {
          // A caller that has seen the existing run does not get another one.
          if (wasSeen || !hasCode(cause, "NOT_FOUND")) throw cause;
          return this.startOrAttach(await how.create(), options, how);
        };
        const attached = this.attachExisting(run, options, how, { signal: giveUp.signal, onHeld });
        return attached.catch(startAgain).finally(() => removeListener?.());
      },
    );
    const location = new RunLocation<H, Remote>(own, local, remote.promise, (reason) => giveUp.abort(reason));
    return this.handles.attaching(own, location, run);
  }

  /** See `RunnableWorkflow.continueInside`. */
  async continueInside(own: O, outer: OuterRun, how: ChildContinuation): Promise<Run | R> {
    const { store, inputs } = how;
    const runId = outer.innerId();
    const accepted = await this.factory.acceptInside({ inputs }, outer);
    let next: ContinuedRun<Run> | EndedRun<R> | undefined;
    const log = await runExclusive(store, runId, () =>
      store.claim(runId, (recorded) => {
        next = this.continued(recorded, own, { hasHandle: false, inside: { outer, how, accepted } });
        return "claim" in next ? next.claim : undefined;
      }),
    );
    const found = next as ContinuedRun<Run> | EndedRun<R>;
    if (!("claim" in found)) return found.result;
    found.recorder.attach(log as RunLog);
    return found.run;
  }

  /** See `RunnableWorkflow.restored`. */
  abstract restored(recorded: RecordedRun): R;

  // --- services ---

  /** The structures of runs of the current definition. */
  abstract structures(): string[];

  /** Checks the options of a new run, which is not to run here. @throws what `run` rejects with before anything runs */
  abstract submission(options: object | undefined): Promise<Submission>;

  /**
   * Drives a run that a service has claimed. When its store fails, it is given back.
   * @param options - those with which it continues
   * @throws {ValidationError} when its inputs are not valid, or it does not fit the workflow; {StoreError}; the reason of
   *   `abort`
   */
  async drive(runId: string, options: O, { held, unchecked, abort, onBegin }: DriveOptions): Promise<DrivenRun> {
    const { store } = options;
    const accepted = unchecked && (await abort.race(this.submission({ inputs: unchecked }))).inputs;
    const decide = (recorded: RecordedRun) => {
      if (abort.aborted) throw abort.reason;
      const { kind } = this;
      const run = accepted === undefined ? recorded : { ...recorded, kind, inputs: accepted };
      const { provided } = recorded;
      const given = provided === undefined ? options : { ...options, provide: provided };
      const next = this.continued(run, given, { hasHandle: false });
      if (!("claim" in next)) return next;
      next.recorder.isReturnable = true;
      onBegin?.(next.run);
      return accepted === undefined ? next : { ...next, claim: { ...next.claim, kind, restart: accepted } };
    };
    const claim = () => this.claim(runId, options, decide, new Wait(), held);
    const { run, promises, result } = (await runExclusive(store, runId, claim)) as ClaimedRun<Run, R>;
    if (run !== undefined) return drivenRun(run, promises);
    const over = Promise.resolve({ how: "ended", result: result as R, error: undefined } as const);
    return { runId, run: undefined, over, giveBack: () => {} };
  }

  // --- attaching ---

  /**
   * Attaches to the run that is recorded under the id of a new one. Waits while another process drives it.
   * @param wait - `onHeld` is called once, when another process does
   */
  private attachExisting(
    { state }: Run,
    options: O,
    use: RunUse,
    wait: {
      readonly signal: AbortSignal;
      readonly onHeld: (recorded: RecordedRun, pause: () => Promise<R>) => RemoteRun<Remote>;
    },
  ): Promise<H> {
    const { runId, inputs } = state;
    const decide = (recorded: RecordedRun) => {
      const isUnfinished = ["queued", "running", "waiting"].includes(recorded.status);
      const next = isUnfinished ? this.continued(recorded, options, use) : this.endedRun(recorded);
      requireSameInputs(runId, recorded.inputs, inputs);
      return next;
    };
    return interruptible({ signal: wait.signal, timeout: options.timeout }, state, async (waiting) => {
      const find = async () => {
        const live = this.findLive(runId, options);
        if (live !== undefined) requireSameInputs(runId, live.state.inputs, inputs);
        return this.findOrClaim(runId, options, decide, { signal: waiting.signal, within: waiting });
      };
      let remote: RemoteRun<Remote> | undefined;
      for (let delay = POLL_DELAY.first; ; delay = Math.min(delay * 2, POLL_DELAY.longest)) {
        try {
          return await find();
        } catch (error) {
          if (waiting.aborted || !hasCode(error, "LEASE_HELD")) throw error;
        }
        // Only a handle exposes the state of the run.
        if (remote !== undefined && use.hasHandle) await remote.poll?.();
        remote ??= wait.onHeld(await this.readSame(options.store, state), async () => (await find()).pause());
        await new Promise((resolve) => setTimeout(resolve, delay));
        if (waiting.aborted) throw waiting.reason;
      }
    });
  }

  /**
   * The record under the id of a new run.
   * @throws {ValidationError} | {StoreError} RUN_EXISTS if it is not of the same run
   */
  private async readSame(store: RunStore, { runId, inputs }: Run["state"]): Promise<RecordedRun> {
    const recorded = await store.read(runId);
    const { kind, workflow } = this;
    requireWorkflow(runId, recorded, { workflow, kind });
    requireSameInputs(runId, recorded.inputs, inputs);
    return recorded;
  }

  private endedRun(recorded: RecordedRun): EndedRun<R> {
    const result = this.ended(recorded);
    return { result, error: recordedError(recorded, result) };
  }

  /** The handle of a run that this process drives, or claims. */
  private async findOrClaim(runId: string, options: O, decide: Decide<Run, R>, wait: WaitOptions): Promise<H> {
    const join = () => {
      const run = this.findLive(runId, options);
      if (run === undefined || !this.update(run, options)) return undefined;
      const { result, ended } = runPromises<R>((onEnd) => run.life.join(onEnd));
      // The signal and the timeout of this call end its waiting, but not the run.
      const waiting = interruptible(options, run.state, () => result);
      waiting.catch(() => {});
      return this.handles.started(run, { result: waiting, ended });
    };
    const claim = async (waiting: Wait) =>
      this.handleOf((await this.claim(runId, options, decide, waiting)) as ClaimedRun<Run, R>);
    const { signal, timeout, within } = wait;
    const waitOptions = { store: options.store, signal, timeout, within };
    return join() ?? this.exclusively(runId, waitOptions, async (waiting) => join() ?? claim(waiting));
  }

  /** The run that this process drives. @throws {ValidationError} when it is of another workflow */
  private findLive(runId: string, { store }: O): Run | undefined {
    const run = findLiveRun(store, runId);
    if (run === undefined || this.isOurs(run)) return run;
    const message = `Run ${show(runId)} belongs to workflow ${show(run.state.workflow)}, not to the ${this.kind} ${show(this.workflow)}. Call this method of that workflow.`;
    throw new ValidationError(message);
  }

  // --- claiming ---

  private exclusively<T>(runId: string, options: LookupOptions, operation: (wait: Wait) => Promise<T>): Promise<T> {
    const { workflow } = this;
    return interruptible(options, { workflow, runId }, (wait) =>
      runExclusive(options.store, runId, () => operation(wait)),
    );
  }

  private claimRecoverable(runId: string, options: O, use: RunUse): Promise<ClaimedRun<Run, R> | undefined> {
    // Since it was found, another process may have claimed the run and ended it.
    const decide = (run: RecordedRun) =>
      isRecoverable(run, options.store.timeOfDay()) ? this.continued(run, options, use) : undefined;
    return this.exclusively(runId, options, (wait) => this.claim(runId, options, decide, wait));
  }

  /** Claims a run and starts it, or restores its result; undefined if `decide` leaves it alone. */
  private async claim(
    runId: string,
    { store }: O,
    decide: Decide<Run, R>,
    wait: Wait,
    held?: number,
  ): Promise<ClaimedRun<Run, R> | undefined> {
    const admitted = admission();
    if (admitted !== undefined) await admitted;
    let next: ContinuedRun<Run> | EndedRun<R> | undefined;
    const accept = (recorded: RecordedRun) => {
      if (wait.aborted) throw wait.reason;
      next = decide(recorded);
      if (next === undefined || !("claim" in next)) return undefined;
      wait.takeUp();
      return { ...next.claim, trace: next.run.trace };
    };
    const log = await store.claim(runId, accept, held).catch((error: unknown) => {
      wait.leave();
      throw error;
    });
    if (next === undefined) return undefined;
    if (!("claim" in next)) {
      const { result, error } = next;
      this.runs.last = result;
      return { run: undefined, result, promises: settledRunPromises(result, error) };
    }
    const { run, recorder } = next;
    recorder.attach(log as RunLog);
    const promises = this.runs.begin(run);
    wait.listen((error) => {
      if (error instanceof RunTimeoutError) run.life.expire();
      else run.life.cancel((error as Error).cause);
    });
    return { run, promises, result: undefined };
  }

  private handleOf({ run, result, promises }: ClaimedRun<Run, R>): H {
    return run === undefined ? this.handles.ended(result as R, promises) : this.handles.started(run, promises);
  }
}

function hasCode(error: unknown, code: StoreErrorCode): boolean {
  return error instanceof StoreError && error.code === code;
}
