import { Decision, Route } from "../definition/decisions.js";
import { Next, Stop, WaitForEvent } from "../definition/transitions.js";
import type { StoredType } from "./codec.js";

/** What forks and states return, under names that no type of a user has: with a cached result, where it leads is kept. */
export const OUTCOME_TYPES: Readonly<Record<string, StoredType>> = {
  "dagwright:Decision": Decision,
  "dagwright:Route": Route,
  "dagwright:Next": Next,
  "dagwright:Stop": Stop,
  "dagwright:WaitForEvent": WaitForEvent,
};
