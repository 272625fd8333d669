import type { InnerChecks } from "../planning/inner-schemas.js";
import type { ChildPlace } from "./run-inside.js";
import type { CommonRunOptions } from "./options.js";
import type { SharedPermits } from "./shared-permits.js";
import type { Slot } from "./slot.js";

/** What a run gives to the runs inside it. */
export interface InnerRuns {
  /** The options that they share with it. */
  optionsFor(node: string): CommonRunOptions;
  /** The permits to share. @param several - whether other runs inside may run at the same time, in any mode */
  permitsFor(node: string, several: boolean): SharedPermits | undefined;
  /** The results inside a workflow that other nodes take, by path. */
  needsOf(node: string): readonly string[];
  /** The inputs of the workflow in a node, if schemas have already parsed them; undefined otherwise. */
  checksFor(node: string): InnerChecks | undefined;
  /** The slot of a node that is a plain call. */
  slotOf(node: number): Slot;
  /** The key and the path of a run inside that is a node, or that a node begins. */
  placeOf(node: number): ChildPlace;
  /** Called when one of them has come to rest, or continues. */
  rested(): void;
}
