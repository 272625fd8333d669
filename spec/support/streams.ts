/** Dags, sources and readers for the specs of streams. */
import { Dag } from "dagwright";

/** Doubles `n` in two steps; fails for the numbers of `bad`. */
export function doubling(bad: readonly number[] = []) {
  const dag = new Dag("doubling");
  const read = dag.node("read", (n: number) => {
    if (bad.includes(n)) throw new Error(`bad ${n}`);
    return n;
  });
  dag.node("double", { needs: [read] }, (n: number) => n * 2);
  return dag;
}

export async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

export const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

/** A source that counts what is pulled, and notes when it is closed. */
export function counted<T>(items: Iterable<T>) {
  const seen = { pulled: 0, closed: 0 };
  function* source() {
    try {
      for (const item of items) {
        seen.pulled++;
        yield item;
      }
    } finally {
      seen.closed++;
    }
  }
  return { seen, source: source() };
}

export function* forever() {
  for (let n = 0; ; n++) yield n;
}

/** Reads one item and leaves the loop. */
export async function leave<T>(stream: AsyncIterable<T>): Promise<T | undefined> {
  for await (const item of stream) return item;
  return undefined;
}
