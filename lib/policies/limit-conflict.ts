/** Nodes that share a key give it different limits. */
export class LimitConflict extends Error {}
