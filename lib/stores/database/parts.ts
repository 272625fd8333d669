/** The maximum number of ids in a query. */
const MAX_IDS = 500;

/** A list in parts, each of which fits into a query. */
export function* parts<T>(list: readonly T[], size = MAX_IDS): Generator<readonly T[]> {
  for (let at = 0; at < list.length; at += size) yield list.slice(at, at + size);
}
