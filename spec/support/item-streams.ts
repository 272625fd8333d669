/** Producers and consumers of items. */
import { Dag, stream, type NodeOptions } from "dagwright";
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

/** Yields 0, 1, … and throws in the place of number `at`. */
export function failingAt(at: number, log: string[] = []) {
  return async function* (): AsyncGenerator<number> {
    try {
      for (let i = 0; ; i++) {
        if (i === at) throw new Error("boom");
        yield i;
      }
    } finally {
      log.push("closed");
    }
  };
}

/** A dag of a producer `nums` with options of its `own`, and consumers of its stream. */
export function dagOf(producer: () => unknown, consumers: Record<string, unknown>, own: NodeOptions = {}): Dag {
  const dag = new Dag("d");
  dag.node("nums", own, producer as () => unknown);
  for (const [name, fn] of Object.entries(consumers)) dag.node(name, { needs: [stream("nums")] }, fn as () => unknown);
  return dag;
}
