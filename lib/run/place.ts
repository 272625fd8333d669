/** Where a node's attempts run. */
export type BackendName = "inline" | "thread";

/** Where a node runs, and why there and not where the mode or its own option would have put it. */
export interface Place {
  readonly backend: BackendName;
  readonly reason: string | undefined;
}

/** On the thread that the run is on. */
export const INLINE: Place = Object.freeze({ backend: "inline", reason: undefined });
