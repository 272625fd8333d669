/** Nodes that share a key have different limits. */
export class LimitConflict extends Error {}
