import { createHash } from "node:crypto";
import type { AttemptRow, CycleRow, EventRow, Tables, TraversalRow } from "./schema.js";

/** Texts longer than this are kept apart, once each. */
const LONGEST_TEXT = 1024 * 1024;

/** What stands in a row for a text that is kept apart. The codec's own texts never begin like this. */
const REFERENCE = "blob:";

/** What of a run is to be written in one transaction. A row that is written again meanwhile is written once. */
export class Batch {
  /** The latest attempt of each node. */
  readonly attempts = new Map<string, AttemptRow>();
  /** Attempts before those. */
  readonly earlier: AttemptRow[] = [];
  /** What went to each node. */
  readonly traversals = new Map<string, readonly TraversalRow[]>();
  readonly cycles = new Map<number, CycleRow>();
  readonly sent = new Map<number, EventRow>();
  readonly taken: number[] = [];
  readonly blobs = new Map<string, string>();
  /** What changes in the run's own row. */
  run: Partial<Tables["runs"]> | undefined;

  /** Adds an attempt, in place of what was known of it. */
  addAttempt(row: AttemptRow): void {
    const latest = this.attempts.get(row.node);
    if (latest !== undefined && latest.attempt !== row.attempt) this.earlier.push(latest);
    this.attempts.set(row.node, row);
  }

  /** What goes into a row for a text. */
  keep(text: string): string {
    if (text.length <= LONGEST_TEXT) return text;
    const hash = hashOf(text);
    this.blobs.set(hash, text);
    return reference(hash);
  }
}

export function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** What stands in a row for the text of this hash. */
export function reference(hash: string): string {
  return REFERENCE + hash;
}

/** The hash of the text that is kept apart; undefined for a text itself. */
export function referredTo(text: string): string | undefined {
  return text.startsWith(REFERENCE) ? text.slice(REFERENCE.length) : undefined;
}
