import { LRUCache } from "lru-cache";
import type { CacheEntry, CacheStore } from "../definition/specs/policy-options.js";

const DEFAULT_MAX_ENTRIES = 1000;

/** The default cache store: in memory, evicting the least recently used entry. */
export class MemoryStore implements CacheStore {
  private readonly entries: LRUCache<string, CacheEntry>;

  constructor(maxEntries = DEFAULT_MAX_ENTRIES) {
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
