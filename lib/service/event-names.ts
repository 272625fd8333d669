import { show } from "../base/check.js";
import type { RunEvent } from "../run/events.js";

/** An event of a run that is followed. */
export type FollowedEvent = RunEvent & {
  /** Names it: `events(run, { after: id })` gives those that come later, in any process. Printable ASCII. */
  readonly id: string;
};

/**
 * The id of a recorded event: when it happened, and its name, which is unique in the run and the same whoever reads it.
 * @param which - tells it from others of the same type and node: the attempt, the cycle, the item
 */
export function recordedId(event: RunEvent, rootId: string, which: readonly number[]): string {
  const node = "node" in event ? event.node : null;
  const name = JSON.stringify([event.runId.slice(rootId.length), event.type, node, ...which]);
  return `${event.at} ${inAscii(name)}`;
}

/** Headers such as `Last-Event-ID` have no other characters. */
function inAscii(json: string): string {
  return json.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Makes the ids of events that are not recorded: the id of the recorded one before them, and a number. */
export class UnrecordedIds {
  private recorded = "";
  private count = 0;

  /** @param id - of an event that is given, recorded or not */
  follow(id: string): void {
    const { recorded, number } = partsOf(id);
    this.recorded = recorded;
    this.count = number;
  }

  next(): string {
    return `${this.recorded}+${++this.count}`;
  }
}

function partsOf(id: string): { readonly recorded: string; readonly number: number } {
  const [, recorded = id, number = "0"] = /^(.*\])\+(\d+)$/u.exec(id) ?? [];
  return { recorded, number: Number(number) };
}

/**
 * How many of the recorded events are not later than one that was given before. One that has left the record, since its
 * node ran again with another version of the workflow, or its run was resumed, is found by its time.
 * @param after - the id of any event
 * @throws {RangeError} for the id of no event
 */
export function placeAfter(events: readonly FollowedEvent[], after: string): number {
  const { recorded } = partsOf(after);
  const place = events.findIndex(({ id }) => id === recorded);
  if (place >= 0) return place + 1;
  const time = /^\d+(\.\d+)?(?= \[.*\]$)/u.exec(recorded)?.[0];
  if (time === undefined) {
    throw new RangeError(`"after" must be the "id" of an event that events() has given; received ${show(after)}.`);
  }
  const later = events.findIndex(({ at }) => at > Number(time));
  return later < 0 ? events.length : later;
}
