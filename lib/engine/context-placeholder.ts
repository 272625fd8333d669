import type { Context } from "../definition/context.js";

/** Stands for the context among the arguments of a node, which are the same for several attempts. */
export const CONTEXT = {} as Context;

/** The arguments, with the context of an attempt. */
export function filledIn(args: readonly unknown[], context: Context | undefined): unknown[] {
  return args.map((argument) => (argument === CONTEXT ? context : argument));
}
