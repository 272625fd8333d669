import { blobHash, blobReference, sha256 } from "./blobs.js";
import type { NewEvent } from "./event-rows.js";
import type { AttemptRow, CycleRow, RunRow, TraversalRow } from "../database/schema.js";

/** Longer texts are stored as blobs. */
const MAX_INLINE_LENGTH = 1024 * 1024;

/** The row of a new run, with the length of its lease, which starts when the row is written. */
export type NewRunRow = Omit<RunRow, "lease_expires_at"> & { readonly lease: number };

/** The columns of a run that has ended or paused. */
export type RunEndRow = Pick<RunRow, "status" | "outputs" | "error" | "pause_reason" | "pauses" | "due_at"> & {
  readonly finished_at: number;
};

/** The entries of a run to write in one transaction. Of several versions of a row, only the last is written. */
export class Batch {
  /** The run's row, if the run is new. */
  created: NewRunRow | undefined;
  /** The latest attempt of each node. */
  readonly attempts = new Map<string, AttemptRow>();
  /** Earlier attempts. */
  readonly earlier: AttemptRow[] = [];
  /** The traversals to each node. */
  readonly traversals = new Map<string, readonly TraversalRow[]>();
  readonly cycles = new Map<number, CycleRow>();
  readonly sent = new Map<string, NewEvent>();
  /** The ids of events that were taken. */
  readonly taken: string[] = [];
  /** By hash. */
  readonly blobs = new Map<string, string>();
  /** The encoded metadata; undefined if it has not changed. */
  metadata: string | undefined;
  /** Set when the run ends and its driver releases it. */
  end: RunEndRow | undefined;
  /** The approximate number of characters. */
  length = 0;

  /** The approximate number of rows. */
  get size(): number {
    return 1 + this.attempts.size + this.earlier.length + this.traversals.size + this.cycles.size + this.sent.size;
  }

  /** Adds an attempt, or replaces its earlier version. */
  addAttempt(row: AttemptRow): void {
    const latest = this.attempts.get(row.node);
    if (latest !== undefined && latest.attempt !== row.attempt) this.earlier.push(latest);
    this.attempts.set(row.node, row);
  }

  /**
   * Returns the column value for a text: the text itself or, if it is long, a reference to a blob added to the batch.
   */
  store(text: string): string {
    this.length += text.length;
    if (text.length <= MAX_INLINE_LENGTH) return text;
    const hash = sha256(text);
    this.blobs.set(hash, text);
    return blobReference(hash);
  }

  /**
   * Removes and returns a part that can be written before the rest: the first nodes, which depend on no later ones.
   * @param maxRows - approximate
   * @param maxLength - in characters, approximate; the part has at least one node, whatever its length
   */
  split(maxRows: number, maxLength: number): Batch {
    const part = new Batch();
    for (const row of this.earlier.splice(0)) {
      part.earlier.push(row);
      this.moveBlobs(row, part);
    }
    for (const [node, row] of this.attempts) {
      if (part.size >= maxRows || part.length >= maxLength) break;
      this.attempts.delete(node);
      part.attempts.set(node, row);
      this.moveBlobs(row, part);
      const rows = this.traversals.get(node);
      if (rows === undefined) continue;
      this.traversals.delete(node);
      part.traversals.set(node, rows);
    }
    this.length -= part.length;
    return part;
  }

  /** Moves the blobs of a row. Later rows with the same blob are written later. */
  private moveBlobs({ output, error }: AttemptRow, part: Batch): void {
    for (const text of [output, error]) {
      if (text === null) continue;
      const hash = blobHash(text);
      const blob = hash === undefined ? undefined : this.blobs.get(hash);
      part.length += (blob ?? text).length;
      if (blob === undefined) continue;
      this.blobs.delete(hash as string);
      part.blobs.set(hash as string, blob);
    }
  }
}
