import { serialize } from "node:v8";
import { LRUCache } from "lru-cache";
import type { Coroutine } from "../base/coroutine.js";
import type { CacheOptions } from "../definition/node-options.js";

const DEFAULT_ENTRIES = 1000;

/** The results of one node, by the values of its inputs. */
export class ResultCache {
  private readonly entries: LRUCache<string, { readonly value: unknown }>;

  constructor({ ttl, maxEntries = DEFAULT_ENTRIES }: CacheOptions) {
    const lifetime = ttl === undefined || ttl === Infinity ? 0 : Math.ceil(ttl);
    this.entries = new LRUCache({ max: maxEntries, ttl: lifetime, perf: { now: () => performance.now() } });
  }

  /**
   * The kept result of these inputs, or that of `compute`, which is kept unless it fails.
   * @param onHit - called when the result was there
   * @throws {UncacheableInputs} when an input is a function or holds one: it has no value to be found by
   */
  *lookUp(inputs: readonly unknown[], compute: () => Coroutine, onHit: () => void): Coroutine {
    const key = keyOf(inputs);
    const entry = this.entries.get(key);
    if (entry !== undefined) {
      onHit();
      return entry.value;
    }
    const value = yield* compute();
    this.entries.set(key, { value });
    return value;
  }
}

/** Inputs that can't be compared with those of other calls. */
export class UncacheableInputs extends Error {}

/** Equal structures have equal keys. The order of a record's keys matters. */
function keyOf(inputs: readonly unknown[]): string {
  try {
    // Loaded here and not at start, since few processes cache and loading it takes as long as all of dagwright.
    const { createHash } = process.getBuiltinModule("node:crypto");
    return createHash("sha256").update(serialize(inputs)).digest("base64");
  } catch (cause) {
    throw new UncacheableInputs((cause as Error).message, { cause });
  }
}
