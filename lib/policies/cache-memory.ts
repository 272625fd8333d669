import { LRUCache } from "lru-cache";
import type { CacheEntry, CacheStore } from "../definition/specs/policy-options.js";

const DEFAULT_ENTRIES = 1000;

/** The store of a node that names none: memory, the least recently used entry goes first. */
export class MemoryStore implements CacheStore {
  private readonly entries: LRUCache<string, CacheEntry>;

  constructor(maxEntries = DEFAULT_ENTRIES) {
    this.entries = new LRUCache({ max: maxEntries });
  }

  get(key: string): CacheEntry | undefined {
    return this.entries.get(key);
  }

  set(key: string, entry: CacheEntry): void {
    this.entries.set(key, entry);
  }

  delete(key: string): void {
    this.entries.delete(key);
  }

  clear(): void {
    this.entries.clear();
  }
}
