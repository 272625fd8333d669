import type { Backend, BackendName } from "../definition/specs/backend.js";

/** Where a node runs, and the reason if it is not the backend of the mode or of the node's own option. */
export interface Place {
  /** Its name in the run. */
  readonly backend: BackendName;
  readonly reason: string | undefined;
  /** The backend itself; undefined for those that every run has. */
  readonly on?: Backend;
}

/** On the same thread as the run. */
export const INLINE: Place = Object.freeze({ backend: "inline", reason: undefined });
