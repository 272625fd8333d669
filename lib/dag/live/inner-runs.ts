import type { ChildPlace } from "../../engine/run-inside.js";
import type { InnerRuns } from "../../engine/inner-runs.js";
import type { CommonRunOptions } from "../../engine/options.js";
import type { Permits } from "../../engine/permits.js";
import type { SharedPermits } from "../../engine/shared-permits.js";
import type { Slot } from "../../engine/slot.js";
import type { RunState } from "../../run/state.js";
import { PlainSlot } from "../plain-slot.js";

/** A live dag, as the source of what runs inside its nodes share. */
interface SharingDag {
  readonly state: RunState;
  /** The options of the runs inside. */
  readonly innerOptions: CommonRunOptions;
  /** The permits that runs inside share. */
  readonly sharedPermits: SharedPermits;
  permitsOf(node: number): Permits;
  pump(): void;
}

const NO_PATHS: readonly string[] = Object.freeze([]);

/** What one computation of a node shares with the runs inside it. */
export class LiveInnerRuns implements InnerRuns {
  /** The permit of a node that has begun runs inside. */
  private slot: PlainSlot | undefined = undefined;

  constructor(private readonly dag: SharingDag) {}

  optionsFor(): CommonRunOptions {
    return this.dag.innerOptions;
  }

  permitsFor(): SharedPermits {
    return this.dag.sharedPermits;
  }

  /** Runs inside keep all results. */
  needsOf(): readonly string[] {
    return NO_PATHS;
  }

  /** Each computation has inputs of its own. */
  checksFor(): undefined {}

  slotOf(node: number): Slot {
    return (this.slot ??= new PlainSlot(this.dag, node, this.dag.permitsOf(node)));
  }

  /** Ends the slot of the node, which has settled. Returns whether it holds its permit. */
  settle(): boolean {
    return this.slot?.settle() ?? true;
  }

  placeOf(node: number): ChildPlace {
    const { name } = this.dag.state.plan.specs[node];
    return { node: name, key: name, path: name };
  }

  /** A live dag is not put away. */
  rested(): void {}
}
