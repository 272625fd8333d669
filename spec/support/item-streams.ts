/** Producers and consumers of items. */
import { sleep } from "./waiting.js";

/** A generator of the numbers below `count`, which notes what it does. */
export function counting(count: number, log: string[] = [], name = "p"): () => AsyncGenerator<number> {
  return async function* () {
    try {
      for (let i = 0; i < count; i++) {
        log.push(`${name}${i}`);
        yield i;
      }
    } finally {
      log.push(`${name} closed`);
    }
  };
}

/** All items. */
export async function listOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** Takes items, one each `ms`. */
export function slowly(ms: number, log: string[] = [], name = "c") {
  return async (items: AsyncIterable<number>): Promise<number[]> => {
    const list: number[] = [];
    for await (const item of items) {
      log.push(`${name}${item}`);
      await sleep(ms);
      list.push(item);
    }
    return list;
  };
}

/** The first `count` items. */
export function first(count: number) {
  return async (items: AsyncIterable<number>): Promise<number[]> => {
    const list: number[] = [];
    for await (const item of items) {
      list.push(item);
      if (list.length === count) return list;
    }
    return list;
  };
}
