/** As the `key` of `ctx.run`: the run takes the place of the node, or of the item of a map, and has its id. */
// Shared by all copies of this module in a process.
export const OWN_RUN: unique symbol = Symbol.for("dagwright:own run") as never;
