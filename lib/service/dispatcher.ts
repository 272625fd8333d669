import { LazyAbort } from "../base/abort.js";
import { show } from "../base/check.js";
import { lookLater } from "../base/clockwork.js";
import { StoreError, ValidationError } from "../base/errors.js";
import { messageOf } from "../base/message.js";
import { warn } from "../base/warning.js";
import type { DriveEnd, DrivenRun, ObservableRun } from "../engine/durable/driven-run.js";
import type { Logger } from "../engine/logger.js";
import type { Telemetry } from "../engine/telemetry/telemetry.js";
import { givenBack } from "../run/endings.js";
import type { CancelledError } from "../run/errors.js";
import type { RunStatus } from "../run/status.js";
import { isOutOfService, isUnreachable, storeFailure } from "../stores/database/store-failure.js";
import type { ClaimableWorkflow, ClaimedRun, RunQueue } from "../stores/queue/queue.js";
import type { Schedules } from "../stores/queue/schedules/schedules.js";
import type { RunStore } from "../stores/store.js";
import type { Followers } from "./followers.js";
import type { KnownWorkflows } from "./known-workflows.js";
import type { RateLimit } from "./options.js";
import type { OpenQueue } from "./queue.js";
import { Returns } from "./returns.js";
import { ScheduleTicker } from "./schedule-ticker.js";

/** What a dispatcher works with. */
export interface Dispatch {
  readonly store: RunStore;
  /** The runs of the store. */
  readonly runs: RunQueue;
  /** What brings them here. */
  readonly queue: OpenQueue;
  readonly schedules: Schedules;
  readonly workflows: KnownWorkflows;
  readonly followers: Followers;
  readonly concurrency: number;
  /** How often to look for work that nobody told of, in ms. */
  readonly interval: number;
  /** How many runs of a workflow may be driven at once, and begun in a window, over all services, by its name. */
  readonly limits: ReadonlyMap<string, number>;
  readonly rates: ReadonlyMap<string, RateLimit>;
  /** How often the driver of a run may die, before the run fails. */
  readonly maxRecoveries: number;
  /** What follows the runs that are driven, in place of what their workflows say. */
  readonly runOptions: { readonly telemetry?: Telemetry; readonly logger?: Logger };
  /** Called when a run has ended here. */
  onEnd(runId: string, result: object, error: Error | undefined): void;
}

/** A place for a run. */
export interface RunSlot {
  /** Undefined until it is driven. */
  driven: DrivenRun | undefined;
  /** Aborts what happens before it begins, such as the checks of its inputs. */
  readonly abort: LazyAbort;
}

/** The longest time until the next look, in ms, while the store can't be reached. */
const MAX_INTERVAL = 5000;

/**
 * Drives the runs of a queue: fires the schedules that are due, claims as many runs as there are free slots, and drives
 * each until it ends, is at rest, or is given back. It looks when the queue reports something, a slot becomes free, or
 * a run or a schedule is due, and otherwise from time to time. One look is under way at a time.
 *
 * A run that can't be driven keeps no other from it. Nothing here keeps the process alive.
 */
export class Dispatcher {
  /** The runs that are driven here, by id. */
  readonly slots = new Map<string, RunSlot>();
  private readonly returns: Returns;
  private readonly ticker: ScheduleTicker;
  /** The id of the suspect that is driven here, see {@link isSuspect}. */
  private suspect: string | undefined;
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;
  private isAskedAgain = false;
  private isDraining = false;
  private nextSweep = 0;
  private isInterrupted = false;
  private failures = 0;
  /** The last reports of failures that may persist. */
  private readonly reported = new Map<"look" | "sweep", string>();
  private stopListening: readonly (() => void)[] = [];
  private onIdle: (() => void) | undefined;

  constructor(private readonly dispatch: Dispatch) {
    this.returns = new Returns(dispatch.runs);
    this.ticker = new ScheduleTicker(dispatch.schedules, dispatch.interval);
  }

  /** Resolves when the dead have been found, and the first runs claimed. @throws {StoreError} */
  async start(): Promise<void> {
    this.looking = this.begin();
    await this.looking.finally(() => (this.looking = undefined));
    if (this.isDraining) return;
    const { queue, runs, limits } = this.dispatch;
    const isLimited = limits.size > 0;
    const waked = runs.onWake((what, runIds = []) => {
      if (what === "asked") for (const runId of runIds) this.asked(runId);
      if (what === "scheduled") this.ticker.changed();
      if (what === "scheduled" || (what === "ended" && isLimited)) this.wake();
    });
    this.stopListening = [waked, queue.onReady(() => this.wake())];
    this.schedule(0);
  }

  private async begin(): Promise<void> {
    await this.dispatch.queue.start();
    if (this.isDraining) return;
    await this.sweep();
    await this.ticker.tick();
    await this.claim();
  }

  // --- looking for work ---

  private wake(): void {
    if (this.isDraining) return;
    this.isAskedAgain = this.looking !== undefined;
    if (this.looking === undefined) void this.lookNow();
  }

  private async lookNow(): Promise<void> {
    clearTimeout(this.timer);
    let nextIn: number | undefined;
    this.looking = this.look().then(
      (next) => {
        nextIn = next;
        this.failures = 0;
        this.reported.delete("look");
      },
      (error: unknown) => this.failed(error),
    );
    await this.looking;
    this.looking = undefined;
    if (this.isAskedAgain) this.wake();
    else this.schedule(nextIn);
  }

  /** How often to look for work that nobody told of, in ms. */
  private get interval(): number {
    const { runs } = this.dispatch;
    const interval = Math.min(this.dispatch.interval, runs.sweepInterval);
    if (this.failures === 0) return interval;
    return Math.max(interval, Math.min(MAX_INTERVAL, interval * 2 ** (this.failures - 1)));
  }

  private schedule(nextIn: number | undefined): void {
    clearTimeout(this.timer);
    if (!this.isDraining) this.timer = lookLater(() => this.wake(), this.interval, nextIn).unref();
  }

  /**
   * Claims runs for the slots that are free, and then looks after the runs of the dead and the schedules: what these make
   * ready wakes it again.
   * @returns in how many ms there is something to do for sure
   */
  private async look(): Promise<number> {
    this.isAskedAgain = false;
    await this.returns.flush();
    const nextReady = await this.claim();
    const nextSweep = await this.sweep();
    const nextTick = await this.ticker.tick();
    return Math.min(nextReady, nextTick, nextSweep);
  }

  /** @returns in how many ms there are others to claim for sure */
  private async claim(): Promise<number> {
    const { queue, concurrency } = this.dispatch;
    if (this.isDraining) return Infinity;
    const limit = Math.max(0, concurrency - this.slots.size);
    const { runs, nextIn = Infinity } = await queue.claim({ workflows: this.claimable, limit });
    await this.driveAll(runs);
    // Others may be ready, and some of these are over already. Schedules and the dead must not wait for all of them.
    const mayHaveMore = runs.length > 0 && runs.length === limit;
    return mayHaveMore && this.slots.size < concurrency ? 0 : nextIn;
  }

  private get claimable(): ClaimableWorkflow[] {
    const { workflows, limits, rates } = this.dispatch;
    return workflows.structures.map((served) => {
      return { ...served, maxRunning: limits.get(served.name), rate: rates.get(served.name) };
    });
  }

  /** Takes up the runs of drivers that are gone, from time to time. @returns in how many ms a lease ends */
  private async sweep(): Promise<number> {
    const { store, runs } = this.dispatch;
    if (performance.now() >= this.nextSweep) await this.sweepNow();
    return Math.max(this.nextSweep - performance.now(), runs.nextLapse - store.timeOfDay() + 1);
  }

  private async sweepNow(): Promise<void> {
    const { runs, workflows, maxRecoveries } = this.dispatch;
    const time = performance.now();
    try {
      await runs.sweep(workflows.structures, maxRecoveries);
      this.reported.delete("sweep");
    } catch (error) {
      if (!(error instanceof StoreError) || isOutOfService(error)) throw error;
      // Runs that can't be read stay, and say so when they are looked up.
      if (storeFailure(error) === "refused") this.report("sweep", `A run can't be looked after: ${messageOf(error)}`);
    }
    this.nextSweep = time + runs.sweepInterval;
  }

  private failed(error: unknown): void {
    const isFirst = this.failures++ === 0;
    if (this.isDraining) return;
    const failure = storeFailure(error);
    this.isDraining = failure === "closed";
    if (failure === "closed") {
      const message =
        "The store of a service was closed before the service, which drives nothing any more. Close the service first.";
      warn(message, "DagwrightServiceWarning");
    } else if (failure !== "unreachable") {
      this.report("look", `The service can't look for runs, and tries again: ${messageOf(error)}`);
    } else if (isFirst) {
      warn(`The service can't reach its store, and tries again: ${messageOf(error)}`, "DagwrightServiceWarning");
    }
  }

  /** Warns of what will not pass by itself: once, as long as it is the same. */
  private report(of: "look" | "sweep", message: string): void {
    if (this.reported.get(of) !== message) warn(message, "DagwrightServiceWarning");
    this.reported.set(of, message);
  }

  // --- driving ---

  /** Drives runs, but of the suspects only one at a time. The others go back before it begins. */
  private async driveAll(runs: readonly ClaimedRun[]): Promise<void> {
    for (const run of runs) if (!this.isSuspect(run)) void this.drive(run);
    const suspects = runs.filter((run) => this.isSuspect(run));
    const next = this.suspect === undefined ? suspects.shift() : undefined;
    for (const run of suspects) this.returns.defer(run);
    try {
      if (suspects.length > 0) await this.returns.flush();
    } catch (error) {
      if (next !== undefined) this.returns.defer(next);
      throw error;
    }
    if (next === undefined) return;
    this.suspect = next.runId;
    void this.drive(next);
  }

  /**
   * Whether a run may be the one that has ended its processes so often. Those that were driven beside it look the same:
   * side by side, they would all be given up with it.
   */
  private isSuspect({ recoveries }: ClaimedRun): boolean {
    return recoveries > this.dispatch.maxRecoveries / 2;
  }

  private async drive(run: ClaimedRun): Promise<void> {
    const { runId } = run;
    // It may have just come to rest, or this process may have lost it while it was suspended.
    if (this.slots.has(runId)) return this.returns.add(run);
    const slot: RunSlot = { driven: undefined, abort: new LazyAbort() };
    this.slots.set(runId, slot);
    try {
      await this.over(run, await this.driveNow(run, slot));
    } catch (error) {
      if (error === slot.abort.reason) await this.givenUp(run);
      else await this.refused(run, error);
    }
    this.slots.delete(runId);
    if (this.suspect === runId) this.suspect = undefined;
    if (this.slots.size === 0) this.onIdle?.();
    this.dispatch.queue.over(run);
    this.wake();
  }

  private async driveNow(run: ClaimedRun, slot: RunSlot): Promise<DriveEnd> {
    const { runId, token: held, workflow: name, structure } = run;
    const { store, workflows, followers, runOptions } = this.dispatch;
    const workflow = workflows.withStructure(name, structure);
    if (workflow === undefined || this.isDraining) {
      if (workflow === undefined) this.returns.postpone(run);
      else this.returns.add(run);
      return { how: "returned" };
    }
    const unchecked = structure === undefined ? (await store.read(runId)).inputs : undefined;
    const onBegin = (begun: ObservableRun) => followers.begins(runId, begun);
    const how = { store, held, unchecked, onBegin, abort: slot.abort };
    const driven = await workflow.drive(runId, how, runOptions);
    slot.driven = driven;
    if (this.isInterrupted) driven.giveBack(stopped(runId));
    return driven.over;
  }

  /** Called when a run is no longer driven here. */
  private async over(run: ClaimedRun, end: DriveEnd): Promise<void> {
    const { runId } = run;
    if (end.how === "ended") {
      this.returns.forget(runId);
      const { status } = end.result as { readonly status: RunStatus };
      if (status !== "paused" && status !== "waiting") this.dispatch.onEnd(runId, end.result, end.error);
    } else if (end.how === "lost") await this.refused(run, end.cause);
  }

  /** The driver of a run is asked for something: if it still checks the inputs, nobody else could do it. */
  private asked(runId: string): void {
    const slot = this.slots.get(runId);
    if (slot !== undefined && slot.driven === undefined) slot.abort.abort(givenBack(runId, "it is to end"));
  }

  /** A run does not begin: its service stops, or it is to do something else. */
  private async givenUp(run: ClaimedRun): Promise<void> {
    try {
      if (!this.isInterrupted) await this.dispatch.runs.carryOut(run);
      this.returns.add(run);
    } catch (error) {
      await this.refused(run, error);
    }
  }

  /** A claimed run could not be driven, or not to its end. */
  private async refused(run: ClaimedRun, error: unknown): Promise<void> {
    const code = error instanceof StoreError ? error.code : undefined;
    if (code === "NOT_FOUND") return;
    // If it is still reserved, an earlier drive of it in this process has yet to notice that it lost the run.
    if (code === "LEASE_LOST") return this.returns.defer(run);
    const failure = storeFailure(error);
    if (failure === "closed") return;
    if (failure === "unreachable") return this.returns.add(run);
    const isDamaged = code === "STORE" && failure === undefined;
    // Its record is corrupt, or of another version of its workflow: it stays for a service that can drive it.
    if (isDamaged || (error instanceof ValidationError && !run.isFresh)) return this.postpone(run, error);
    try {
      await this.dispatch.runs.fail(run, error);
    } catch (unrecorded) {
      if (isUnreachable(unrecorded)) this.returns.add(run);
      else this.postpone(run, unrecorded);
    }
  }

  private postpone(run: ClaimedRun, error: unknown): void {
    if (!this.returns.postpone(run)) return;
    const message = `Run ${show(run.runId)} can't be driven here, and is tried again from time to time: ${messageOf(error)}`;
    warn(message, "DagwrightServiceWarning");
  }

  // --- stopping ---

  /** Claims nothing any more. Resolves when nothing is driven here. Never rejects. */
  async drain(): Promise<void> {
    this.isDraining = true;
    for (const stop of this.stopListening) stop();
    clearTimeout(this.timer);
    // Who began to look says why that failed.
    await this.looking?.catch(() => {});
    await this.dispatch.queue.stop();
    if (this.slots.size > 0) await new Promise<void>((resolve) => (this.onIdle = resolve));
    await this.returns.flush().catch((error: unknown) => this.failed(error));
  }

  /** Interrupts the runs that are driven here, which are queued again. */
  interrupt(): void {
    this.isInterrupted = true;
    for (const [runId, { driven, abort }] of this.slots) {
      if (driven === undefined) abort.abort(stopped(runId));
      else driven.giveBack(stopped(runId));
    }
  }
}

function stopped(runId: string): CancelledError {
  return givenBack(runId, "its service stops");
}
