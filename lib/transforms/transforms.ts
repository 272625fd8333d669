import { field, project, template } from "./fields.js";
import { every, filter, mapEach, some, zip } from "./lists.js";
import { and, coalesce, literal, not, or } from "./logic.js";
import { merge } from "./merge.js";

/**
 * Ordinary functions for the nodes of a dag, and for everyday use: `dag.node("both", { needs: [a, b] }, merge)`.
 *
 * All are pure, and none changes its operands. An operand of the wrong type is a TypeError that names it.
 */
export const transforms = Object.freeze({
  merge,
  project,
  field,
  template,
  and,
  or,
  not,
  coalesce,
  zip,
  literal,
  mapEach,
  filter,
  every,
  some,
});
