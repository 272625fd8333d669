import type { Children } from "../engine/children.js";
import type { ChildPlace } from "../engine/run-inside.js";
import type { InnerRuns } from "../engine/inner-runs.js";
import type { CommonRunOptions } from "../engine/options.js";
import { inSequence, type SharedPermits } from "../engine/shared-permits.js";
import type { EngineSetup } from "../engine/run.js";
import { NO_SLOT, SETTLED_SLOT, type Slot } from "../engine/slot.js";
import { checksFor, type InnerChecks } from "../planning/inner-schemas.js";
import type { FsmState } from "../run/fsm-state.js";
import type { WaitingFor } from "../run/waiting-for.js";
import type { FsmRunOptions } from "./options.js";

/** The run of an fsm, as the source of what runs inside it share. */
interface SharingRun {
  readonly state: FsmState;
  readonly options: FsmRunOptions;
  readonly isOver: boolean;
  readonly isPausing: boolean;
  readonly children: Children;
  setResting(isResting: boolean): void;
  /** Puts the run away. Only waits are left in it. */
  putAwayWhenPolled(): void;
}

/** What the run of an fsm shares with the runs inside it: options and permits. Says what it does while they wait. */
export class FsmInnerRuns implements InnerRuns {
  /** What they wait for, while they are being put away. */
  leaving: WaitingFor | undefined = undefined;
  /** In sequential mode: the only permit of the runs that states begin. */
  private inSequence: SharedPermits | undefined = undefined;

  constructor(
    private readonly run: SharingRun,
    private readonly setup: EngineSetup,
  ) {}

  optionsFor(): CommonRunOptions {
    const { mode, strict, scheduler, store, durability, hooks } = this.run.options;
    return this.setup.outer?.options ?? { mode, strict, scheduler, store, durability, hooks };
  }

  permitsFor(_: string, several: boolean): SharedPermits | undefined {
    if (this.setup.outer !== undefined) return this.setup.outer.permits;
    const { mode } = this.run.options;
    const isSequential = mode === undefined || mode === "sequential";
    return several && isSequential ? (this.inSequence ??= inSequence()) : undefined;
  }

  /** Runs inside a state keep all results. */
  needsOf(): readonly string[] {
    return [];
  }

  /** Later states may take other values than the first one. */
  checksFor(name: string): InnerChecks | undefined {
    const { checks } = this.setup;
    const { plan, history } = this.run.state;
    if (checks === undefined || history.count > 0) return undefined;
    return checksFor(plan.inner, plan.indexOf.get(name) as number, checks);
  }

  placeOf(node: number): ChildPlace {
    const { plan, executionKey } = this.run.state;
    const { name } = plan.specs[node];
    return { node: name, key: executionKey, path: name };
  }

  /** A state that is a plain call has no slot. */
  slotOf(node: number): Slot {
    const { isExecuting, current } = this.run.state;
    return isExecuting && current === node ? NO_SLOT : SETTLED_SLOT;
  }

  /** Reports whether only waits are left in the runs inside the state. */
  rested(): void {
    const { run } = this;
    if (run.isOver) return;
    const rests = run.children.restingNodes(() => undefined).length > 0;
    run.setResting(rests);
    if (!rests) return;
    if (run.isPausing) run.children.pause();
    else run.putAwayWhenPolled();
  }

  putAway(): void {
    const { children } = this.run;
    this.leaving = children.waitingFor();
    children.putAway();
  }
}
