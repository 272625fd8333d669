import type { ChildPlace } from "../engine/run-inside.js";
import type { InnerRuns } from "../engine/inner-runs.js";
import type { CommonRunOptions } from "../engine/options.js";
import type { Permits } from "../engine/permits.js";
import type { SharedPermits } from "../engine/shared-permits.js";
import { SETTLED_SLOT, type Slot } from "../engine/slot.js";
import { innerNeedsOf } from "../planning/inner-needs.js";
import { checksFor, type InnerChecks } from "../planning/inner-schemas.js";
import type { DagPlan } from "../planning/plan.js";
import type { Scheduler } from "../policies/scheduler.js";
import { Status } from "../run/status.js";
import type { DagRunOptions } from "./options.js";
import { PlainSlot } from "./plain-slot.js";
import { Resting, type RestingRun } from "./resting.js";
import type { RunSetup } from "./run-setup.js";

const NO_PATHS: readonly string[] = Object.freeze([]);

/** The run of a dag, as the source of what runs inside it share. */
interface SharingRun extends RestingRun {
  permitsOf(node: number): Permits;
  readonly options: DagRunOptions;
  readonly scheduler: Scheduler | undefined;
  /** Lets runs inside use the permits of this run. */
  sharePermits(): SharedPermits;
}

/**
 * What the run of a dag shares with the runs inside it: options, permits, and the slots of the nodes that begin them.
 */
export class DagInnerRuns implements InnerRuns {
  /** The nodes that only wait, through their runs inside. */
  readonly resting: Resting;
  /** The permits that the runs inside share; undefined before there are any. */
  private shared: SharedPermits | undefined;
  /** Their inputs, as far as schemas parsed them before this run began. */
  private readonly checks: InnerChecks | undefined;
  /** The slots of the plain nodes that have begun runs inside. */
  private readonly slots = new Map<number, PlainSlot>();
  /** The results inside workflows that the run takes, by node. */
  private lazyNeeds: ReadonlyMap<number, readonly string[]> | undefined;

  constructor(
    private readonly run: SharingRun,
    { outer, checks }: RunSetup,
  ) {
    this.resting = new Resting(run);
    this.shared = outer?.permits;
    this.checks = checks;
  }

  private get plan(): DagPlan {
    return this.run.state.plan;
  }

  private indexOf(name: string): number {
    return this.plan.indexOf.get(name) as number;
  }

  optionsFor(): CommonRunOptions {
    const { mode, executor, concurrency, maxWorkers, pool, parallel, retain, strict } = this.run.options;
    const { routing, scheduler, store, durability, hooks } = this.run.options;
    // A spread and more properties would give each object a hidden class of its own.
    const inner: DagRunOptions = {
      mode,
      executor,
      concurrency,
      maxWorkers,
      pool,
      parallel,
      routing,
      retain,
      strict,
      scheduler,
      store,
      durability,
      hooks,
    };
    return inner;
  }

  permitsFor(): SharedPermits {
    return (this.shared ??= this.run.sharePermits());
  }

  /** None if all are kept anyway. */
  needsOf(name: string): readonly string[] {
    if (this.run.options.retain !== "outputs") return NO_PATHS;
    this.lazyNeeds ??= innerNeedsOf(this.plan);
    return this.lazyNeeds.get(this.indexOf(name)) ?? NO_PATHS;
  }

  checksFor(name: string): InnerChecks | undefined {
    return this.checks && checksFor(this.plan.inner, this.indexOf(name), this.checks);
  }

  placeOf(node: number): ChildPlace {
    const { name } = this.plan.specs[node];
    return { node: name, key: name, path: name };
  }

  slotOf(node: number): Slot {
    const { run, slots } = this;
    if (run.state.status[node] !== Status.running) return SETTLED_SLOT;
    let slot = slots.get(node);
    if (slot === undefined) slots.set(node, (slot = new PlainSlot(run, node, run.permitsOf(node))));
    return slot;
  }

  /** Ends the slot of a plain node that has settled. Returns whether the node holds its permit. */
  settle(node: number): boolean {
    const slot = this.slots.get(node);
    this.slots.delete(node);
    return slot?.settle() ?? true;
  }

  rested(): void {
    this.resting.update();
  }
}
