import { blobHash, blobReference, sha256 } from "./blobs.js";
import type { NewEvent } from "./event-rows.js";
import type {
  AttemptRow,
  CycleRow,
  MomentRow,
  QueueColumn,
  RunRow,
  TraversalRow,
  WaitRow,
} from "../database/schema.js";

/** Longer texts are stored as blobs. */
const MAX_INLINE_LENGTH = 1024 * 1024;

/** The row of a new run, with the length of its lease, which starts when the row is written. */
export type NewRunRow = Omit<RunRow, "lease_expires_at" | QueueColumn> & { readonly lease: number };

/** The changes in the row of a reserved run that begins or continues. */
export interface RunBeginRow {
  /** The store that has reserved the run. */
  readonly owner: string;
  /** Whether it counts as a start, unless it has begun before. */
  readonly isRated: boolean;
  readonly updated_at: number;
  /** Null if they do not change. */
  readonly kind: string | null;
  readonly fingerprint: string | null;
  readonly fit: string | null;
  readonly inputs: string | null;
  /** Kept if one is recorded. */
  readonly trace: string | null;
}

/** The columns of a run that has ended or paused. */
export type RunEndRow = Pick<RunRow, "status" | "outputs" | "error" | "pause_reason" | "pauses" | "due_at"> & {
  readonly finished_at: number;
  /** 1 if it is at rest: a request to the driver is then kept for the next one. */
  readonly rests: number;
  /** The request that brought it to rest, which is removed; null if there was none. */
  readonly carried_out: string | null;
};

/** The entries of a run to write in one transaction. Of several versions of a row, only the last is written. */
export class Batch {
  /** The run's row, if the run is new. */
  created: NewRunRow | undefined;
  /** Set when a reserved run begins. */
  begun: RunBeginRow | undefined;
  /** The latest attempt of each node. */
  readonly attempts = new Map<string, AttemptRow>();
  /** Earlier attempts. */
  readonly earlier: AttemptRow[] = [];
  /** The traversals to each node. */
  readonly traversals = new Map<string, readonly TraversalRow[]>();
  readonly cycles = new Map<number, CycleRow>();
  /** By node. */
  readonly waits = new Map<string, WaitRow>();
  readonly moments: MomentRow[] = [];
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

  /**
   * The required owner of the run; undefined if its token is enough. If the run also ends, a retry finds it without an
   * owner.
   */
  get owner(): string | undefined {
    return this.created?.owner ?? (this.end === undefined ? this.begun?.owner : undefined);
  }

  /** The approximate number of rows. */
  get size(): number {
    const { attempts, earlier, traversals, cycles, waits, moments, sent } = this;
    const rows = attempts.size + earlier.length + traversals.size + cycles.size + waits.size;
    return 1 + rows + moments.length + sent.size;
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
    if (this.begun !== undefined) {
      const { fingerprint, inputs } = this.begun;
      part.begun = this.begun;
      this.begun = undefined;
      if (fingerprint !== null) this.moveText(blobReference(fingerprint), part);
      if (inputs !== null) this.moveText(inputs, part);
    }
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
    if (output !== null) this.moveText(output, part);
    if (error !== null) this.moveText(error, part);
  }

  /** Moves the length of a column, and its blob. */
  private moveText(text: string, part: Batch): void {
    const hash = blobHash(text);
    const blob = hash === undefined ? undefined : this.blobs.get(hash);
    part.length += (blob ?? text).length;
    if (blob === undefined) return;
    this.blobs.delete(hash as string);
    part.blobs.set(hash as string, blob);
  }
}
