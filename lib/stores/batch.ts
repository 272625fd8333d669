import { createHash } from "node:crypto";
import type { NewEvent } from "./event-rows.js";
import type { AttemptRow, CycleRow, RunRow, TraversalRow } from "./schema.js";

/** Texts longer than this are kept apart, once each. */
const MAX_INLINE_LENGTH = 1024 * 1024;

/** What stands in a row for a text that is kept apart. The codec's own texts never begin like this. */
const REFERENCE = "blob:";

/** The row of a new run; its lease is as long from when it is written. */
export type NewRunRow = Omit<RunRow, "lease_expires_at"> & { readonly lease: number };

/** How a run ended, as it stands in its row. */
export type RunEndRow = Pick<RunRow, "status" | "outputs" | "error" | "pause_reason" | "pauses" | "due_at"> & {
  readonly finished_at: number;
};

/** What of a run is to be written in one transaction. A row that is written again meanwhile is written once. */
export class Batch {
  /** The run itself, when it is new. */
  created: NewRunRow | undefined;
  /** The latest attempt of each node. */
  readonly attempts = new Map<string, AttemptRow>();
  /** Attempts before those. */
  readonly earlier: AttemptRow[] = [];
  /** What went to each node. */
  readonly traversals = new Map<string, readonly TraversalRow[]>();
  readonly cycles = new Map<number, CycleRow>();
  readonly sent = new Map<string, NewEvent>();
  /** The ids of events. */
  readonly taken: string[] = [];
  readonly blobs = new Map<string, string>();
  /** What the nodes share by now; undefined when that has not changed. */
  metadata: string | undefined;
  /** The run is over: nobody drives it any more. */
  end: RunEndRow | undefined;
  /** About how many characters its texts have. */
  length = 0;

  /** About how many rows it has. */
  get size(): number {
    return 1 + this.attempts.size + this.earlier.length + this.traversals.size + this.cycles.size + this.sent.size;
  }

  /** Adds an attempt, in place of what was known of it. */
  addAttempt(row: AttemptRow): void {
    const latest = this.attempts.get(row.node);
    if (latest !== undefined && latest.attempt !== row.attempt) this.earlier.push(latest);
    this.attempts.set(row.node, row);
  }

  /** What goes into a row for a text. */
  store(text: string): string {
    this.length += text.length;
    if (text.length <= MAX_INLINE_LENGTH) return text;
    const hash = sha256(text);
    this.blobs.set(hash, text);
    return blobReference(hash);
  }

  /**
   * Takes out what may be written before the rest: the nodes that came first, which need none of the others.
   * @param mostRows - about how many
   * @param longest - about how many characters; one node goes out however many it has
   */
  split(mostRows: number, longest: number): Batch {
    const part = new Batch();
    for (const row of this.earlier.splice(0)) {
      part.earlier.push(row);
      this.moveTexts(row, part);
    }
    for (const [node, row] of this.attempts) {
      if (part.size >= mostRows || part.length >= longest) break;
      this.attempts.delete(node);
      part.attempts.set(node, row);
      this.moveTexts(row, part);
      const rows = this.traversals.get(node);
      if (rows === undefined) continue;
      this.traversals.delete(node);
      part.traversals.set(node, rows);
    }
    this.length -= part.length;
    return part;
  }

  /** What refers to the same text later is written later, too. */
  private moveTexts({ output, error }: AttemptRow, part: Batch): void {
    for (const text of [output, error]) {
      if (text === null) continue;
      const hash = blobHash(text);
      const apart = hash === undefined ? undefined : this.blobs.get(hash);
      part.length += (apart ?? text).length;
      if (apart === undefined) continue;
      this.blobs.delete(hash as string);
      part.blobs.set(hash as string, apart);
    }
  }
}

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** What stands in a row for the text of this hash. */
export function blobReference(hash: string): string {
  return REFERENCE + hash;
}

/** The hash of the text that is kept apart; undefined for a text itself. */
export function blobHash(text: string): string | undefined {
  return text.startsWith(REFERENCE) ? text.slice(REFERENCE.length) : undefined;
}
