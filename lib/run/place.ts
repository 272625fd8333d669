/** Where the attempts of a node run. */
export type BackendName = "inline" | "thread";

/** Where a node runs, and the reason if it is not the backend of the mode or of the node's own option. */
export interface Place {
  readonly backend: BackendName;
  readonly reason: string | undefined;
}

/** On the same thread as the run. */
export const INLINE: Place = Object.freeze({ backend: "inline", reason: undefined });
