import type { InnerChecks } from "../planning/inner-schemas.js";
import type { ChildPlace } from "./run-inside.js";
import type { CommonRunOptions } from "./options.js";
import type { SharedPermits } from "./shared-permits.js";
import type { Slot } from "./slot.js";

/** What a run gives to the runs inside it. */
export interface InnerRuns {
  /** Those of its options that they share. */
  optionsFor(node: string): CommonRunOptions;
  /** The permits to share. @param several - whether other runs inside may run at the same time, in any mode */
  permitsFor(node: string, several: boolean): SharedPermits | undefined;
  /** The results inside a workflow that other nodes take, by path. */
  needsOf(node: string): readonly string[];
  /** What schemas have made of the inputs of the workflow in a node before; undefined if they have not. */
  checksFor(node: string): InnerChecks | undefined;
  /** The slot of a node that is a plain call. */
  slotOf(node: number): Slot;
  /** What a run inside is called that is a node, or which a node begins. */
  placeOf(node: number): ChildPlace;
  /** One of them has come to rest, or goes on. */
  rested(): void;
}
