import { show } from "../../base/check.js";
import { ValidationError } from "../../base/errors.js";
import type { RunRow } from "../database/schema.js";

/**
 * A run inside another one goes on with that one, and ends with it.
 * @param verb - what is to be done with the run, for the message
 * @throws {ValidationError} VALIDATION naming the run around it
 */
export function requireOutermost(
  { id, is_child, parent_run_id }: Pick<RunRow, "id" | "is_child" | "parent_run_id">,
  verb: "Cancel" | "Delete" | "Pause" | "Resume",
): void {
  if (is_child === 0) return;
  throw new ValidationError(`Run ${show(id)} is inside of ${show(parent_run_id)}. ${verb} the outermost run.`);
}
