import { show } from "../../base/check.js";
import { ValidationError } from "../../base/errors.js";
import type { RunRow } from "../database/schema.js";

/**
 * Refuses a run inside another one, which continues and ends with that one.
 * @param verb - what the caller wants to do with the run, for the message
 * @throws {ValidationError} VALIDATION naming the run around it
 */
export function requireOutermost(
  { id, is_child, parent_run_id }: Pick<RunRow, "id" | "is_child" | "parent_run_id">,
  verb: "Cancel" | "Delete" | "Pause" | "Resume",
): void {
  if (is_child === 0) return;
  throw new ValidationError(`Run ${show(id)} is inside of ${show(parent_run_id)}. ${verb} the outermost run.`);
}
