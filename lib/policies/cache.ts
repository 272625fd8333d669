import type * as library from "lru-cache";
import type { Coroutine } from "../base/coroutine.js";
import type { CacheOptions } from "../definition/node-options.js";

const DEFAULT_ENTRIES = 1000;

/** The results of one node, by the values of its inputs. */
export class ResultCache {
  private readonly entries: library.LRUCache<string, { readonly value: unknown }>;

  constructor({ ttl, maxEntries = DEFAULT_ENTRIES }: CacheOptions) {
    // What caches need is loaded with the first of them: few processes have one, and it takes longer than all of dagwright.
    const { createRequire } = process.getBuiltinModule("node:module");
    const { LRUCache: Cache } = createRequire(import.meta.url)("lru-cache") as typeof library;
    const lifetime = ttl === undefined || ttl === Infinity ? 0 : Math.ceil(ttl);
    this.entries = new Cache({ max: maxEntries, ttl: lifetime, perf: { now: () => performance.now() } });
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

/** The caches of a workflow's nodes, each made when it is first asked for. */
export class Caches {
  private readonly byNode = new Map<string, ResultCache>();

  constructor(private readonly optionsOf: (node: string) => CacheOptions | undefined) {}

  /** The cache of a node; undefined when its results are not kept. */
  readonly of = (node: string): ResultCache | undefined => {
    const options = this.optionsOf(node);
    let cache = this.byNode.get(node);
    if (options !== undefined && cache === undefined) this.byNode.set(node, (cache = new ResultCache(options)));
    return cache;
  };
}

/** Inputs that can't be compared with those of other calls. */
export class UncacheableInputs extends Error {}

/** Equal structures have equal keys. The order of a record's keys matters. */
function keyOf(inputs: readonly unknown[]): string {
  try {
    const { createHash } = process.getBuiltinModule("node:crypto");
    const { serialize } = process.getBuiltinModule("node:v8");
    return createHash("sha256").update(serialize(inputs)).digest("base64");
  } catch (cause) {
    throw new UncacheableInputs((cause as Error).message, { cause });
  }
}
