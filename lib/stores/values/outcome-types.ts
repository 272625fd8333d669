import { Decision, Route } from "../../definition/decisions.js";
import { Next, Stop, WaitForEvent } from "../../definition/transitions.js";
import type { StoredType } from "./codec.js";

/**
 * The outcomes of forks and states as stored types, so that one that is cached or recorded keeps its destination. Their names don't
 * clash with those of users' types.
 */
export const OUTCOME_TYPES: Readonly<Record<string, StoredType>> = {
  "dagwright:Decision": Decision,
  "dagwright:Route": Route,
  "dagwright:Next": Next,
  "dagwright:Stop": Stop,
  "dagwright:WaitForEvent": WaitForEvent,
};
