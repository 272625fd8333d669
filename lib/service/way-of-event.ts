import { type EventWorkflow, findPlace } from "../planning/event-places.js";
import type { RunDetails } from "../stores/reading/run-details.js";
import { withoutExecution } from "../stores/reading/waits-inside.js";

/** Whether only the record of a run may tell where an event is for: runs that nodes have begun are in no workflow. */
export function needsRecord(workflow: EventWorkflow | undefined, event: string): boolean {
  if (!event.includes(".")) return false;
  const place = workflow && findPlace(workflow, event);
  return place === undefined || place.isGuess === true;
}

/**
 * The way to the run inside that an event is for, and its name there: `["check"]` and `PAID` of `check.PAID`. An event that
 * is for none of them is one of the run itself.
 */
export function wayOfEvent({ inside }: RunDetails, event: string): { readonly way: string[]; readonly event: string } {
  const names = Array.from(inside).flatMap(([key, run]) => [
    { name: key, key, run },
    { name: withoutExecution(key, run.parentNode), key, run },
    { name: run.parentNode ?? key, key, run },
  ]);
  // The execution of a state is named by the state, too. Of several, the last one is meant: the order is kept.
  const matching = names.filter(({ name }) => event.startsWith(`${name}.`));
  const longest = matching.sort((a, b) => a.name.length - b.name.length).at(-1);
  if (longest === undefined) return { way: [], event };
  const rest = wayOfEvent(longest.run, event.slice(longest.name.length + 1));
  return { ...rest, way: [longest.key, ...rest.way] };
}
