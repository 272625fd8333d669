import type { CacheEntry, CacheStore } from "../definition/policy-options.js";

const DEFAULT_ENTRIES = 1000;

/** The store of a node that names none: memory, the least recently used entry goes first. */
export class MemoryStore implements CacheStore {
  /** In order of their use. */
  private readonly entries = new Map<string, CacheEntry>();

  constructor(private readonly maxEntries = DEFAULT_ENTRIES) {}

  get(key: string): CacheEntry | undefined {
    const entry = this.entries.get(key);
    if (entry !== undefined) this.putLast(key, entry);
    return entry;
  }

  set(key: string, entry: CacheEntry): void {
    this.putLast(key, entry);
    if (this.entries.size > this.maxEntries) this.entries.delete(this.entries.keys().next().value as string);
  }

  delete(key: string): void {
    this.entries.delete(key);
  }

  clear(): void {
    this.entries.clear();
  }

  private putLast(key: string, entry: CacheEntry): void {
    this.entries.delete(key);
    this.entries.set(key, entry);
  }
}
