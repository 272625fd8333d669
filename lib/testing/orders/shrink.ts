import { difference } from "../outcome.js";
import type { Trace } from "./run-in-order.js";

/**
 * Finds two orders with different outcomes that differ by as little as possible: as a rule, by two neighbours that have
 * changed places. It goes from one order to the other by such steps, and halves the way between them.
 * @param run - runs an order, as far as it is possible
 */
export async function shrink(
  a: Trace,
  b: Trace,
  run: (order: readonly string[]) => Promise<Trace>,
): Promise<readonly [Trace, Trace]> {
  const way = wayBetween(a.order, b.order);
  let [same, other] = [a, b];
  let [low, high] = [0, way.length - 1];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const trace = await run(way[middle]);
    if (difference(a.outcome, trace.outcome) === undefined) [low, same] = [middle, trace];
    else [high, other] = [middle, trace];
  }
  return [same, other];
}

/** Orders from one to another, each with two neighbours of the one before exchanged. */
function wayBetween(from: readonly string[], to: readonly string[]): (readonly string[])[] {
  const [numberedFrom, numberedTo] = [numbered(from), numbered(to)];
  const place = new Map(numberedTo.map((label, i) => [label, i]));
  const placeOf = (label: string) => place.get(label) ?? Infinity;
  const current = [...numberedFrom, ...numberedTo.filter((label) => !numberedFrom.includes(label))];
  const way = [from];
  for (let end = current.length - 1; end > 0; end--) {
    for (let i = 0; i < end; i++) {
      if (placeOf(current[i]) <= placeOf(current[i + 1])) continue;
      [current[i], current[i + 1]] = [current[i + 1], current[i]];
      way.push(current.map(withoutNumber));
    }
  }
  return [...way, to];
}

/** Tells equal labels apart. */
function numbered(labels: readonly string[]): string[] {
  const counts = new Map<string, number>();
  return labels.map((label) => {
    const count = (counts.get(label) ?? 0) + 1;
    counts.set(label, count);
    return `${count}\n${label}`;
  });
}

function withoutNumber(label: string): string {
  return label.slice(label.indexOf("\n") + 1);
}
