import { nowChecked, toEpoch } from "../base/clock.js";
import { deferred, type Deferred } from "../base/deferred.js";
import { StoreError } from "../base/errors.js";
import { Batch } from "./batch.js";
import type { Codec } from "./codec.js";
import { kept, requireKept } from "./names.js";
import type {
  CycleStatus,
  AttemptEntry,
  CycleEntry,
  Driving,
  QueuedEvent,
  RunEnd,
  RunLog,
  Traversal,
} from "./store.js";

/** What a log needs of its store. */
export interface LogKeeper {
  readonly codec: Codec;
  /** Names this process. */
  readonly worker: string;
  /** What can't be kept is left out instead of being an error. */
  readonly skipsUnstorable: boolean;
  /** There is something to write. @param soon - when the event loop turns, and not some time later */
  changed(log: SqlRunLog, soon: boolean): void;
  /** Nobody drives the run any more. */
  released(log: SqlRunLog): void;
}

/** Something to be written, and who waits for that. */
interface Pending {
  readonly batch: Batch;
  written: Deferred<void> | undefined;
}

/** The writing of one run by its driver. What is added waits here until the store writes it, see `group-commit.ts`. */
export class SqlRunLog implements RunLog {
  private pending: Pending | undefined;
  /** What is being written. */
  private writing: Pending | undefined;
  private failure: Error | undefined;
  private metadataText: string | null;
  private hasBadMetadata = false;

  constructor(
    readonly runId: string,
    /** The number of this driver among all that the run has had. */
    readonly token: number,
    private readonly driving: Driving,
    private readonly keeper: LogKeeper,
    metadataText: string | null,
  ) {
    this.metadataText = metadataText;
  }

  attempt(entry: AttemptEntry): void {
    const { node, attempt, status, startedAt, finishedAt, output, branch, isCached, error, reason } = entry;
    const { codec, worker, skipsUnstorable } = this.keeper;
    let text: string | null = null;
    if (output !== undefined) {
      try {
        text = codec.encode(output.value, `The result of node "${node}"`);
      } catch (unstorable) {
        if (!skipsUnstorable) throw unstorable;
      }
    }
    const { batch } = this.open();
    batch.addAttempt({
      run_id: this.runId,
      node,
      attempt,
      status,
      worker: attempt === 0 ? null : worker,
      output: text === null ? null : batch.keep(text),
      branch: branch ?? null,
      is_cached: isCached === true ? 1 : 0,
      error: error === undefined ? null : batch.keep(codec.encodeThrown(error)),
      reason: reason === undefined ? null : kept(reason),
      started_at: startedAt ?? null,
      finished_at: finishedAt ?? null,
    });
  }

  traversals(list: readonly Traversal[]): void {
    if (list.length === 0) return;
    const { batch } = this.open();
    const traversed_at = toEpoch(nowChecked());
    const rows = list.map(({ from, to, input, output = null }) => {
      return { run_id: this.runId, target: to, input, source: from, output, traversed_at };
    });
    batch.traversals.set(list[0].to, rows);
  }

  cycle(entry: CycleEntry): void {
    const { cycle, state, status, attempts, startedAt, finishedAt, input, event, output, error, reason, wait } = entry;
    const { codec, worker } = this.keeper;
    const encoded = (value: { readonly value: unknown } | undefined, what: string) =>
      value === undefined ? undefined : codec.encode(value.value, `The ${what} of state "${state}"`);
    const inputText = encoded(input, "input");
    const outputText = encoded(output, "value");
    const { batch } = this.open();
    const stored = (text: string | undefined) => (text === undefined ? null : batch.keep(text));
    batch.cycles.set(cycle, {
      run_id: this.runId,
      cycle,
      state,
      status: status satisfies CycleStatus,
      attempts,
      worker,
      input: stored(inputText),
      event: event ?? null,
      output: stored(outputText),
      error: error === undefined ? null : batch.keep(codec.encodeThrown(error)),
      reason: reason === undefined ? null : kept(reason),
      wait: wait === undefined ? null : JSON.stringify(wait),
      started_at: startedAt ?? null,
      finished_at: finishedAt ?? null,
    });
  }

  sent({ number, event, payload }: QueuedEvent): void {
    requireKept("The event", event);
    const text = this.keeper.codec.encode(payload, `The payload of event "${event}"`);
    const { batch } = this.open();
    batch.sent.set(number, { run_id: this.runId, number, event, payload: batch.keep(text) });
  }

  taken({ number }: Pick<QueuedEvent, "number">): void {
    const { batch } = this.open();
    if (!batch.sent.delete(number)) batch.taken.push(number);
  }

  durable(): Promise<void> | undefined {
    if (this.driving.durability === "relaxed") return undefined;
    return this.whenWritten();
  }

  async finish(end: RunEnd): Promise<void> {
    if (this.failure !== undefined) {
      this.keeper.released(this);
      throw this.failure;
    }
    const { batch } = this.open();
    const unstorable = this.keepMetadata(batch);
    const { status, outputs, error } = unstorable === undefined ? end : { ...end, status: "failed", error: unstorable };
    const finished = toEpoch(nowChecked());
    batch.run = {
      ...batch.run,
      status,
      outputs: JSON.stringify(outputs),
      error: error === undefined ? null : batch.keep(this.keeper.codec.encodeThrown(error)),
      owner: null,
      lease_expires_at: null,
      finished_at: finished,
      updated_at: finished,
    };
    this.keeper.changed(this, true);
    try {
      await this.whenWritten();
    } finally {
      this.keeper.released(this);
    }
    if (unstorable !== undefined) throw unstorable;
  }

  // --- for the store ---

  /** What is to be written now; {@link SqlRunLog.wrote} or {@link SqlRunLog.fail} has to follow. */
  take(): Batch | undefined {
    const { pending } = this;
    if (pending === undefined) return undefined;
    this.pending = undefined;
    this.writing = pending;
    // The rest can be written, and with it how the run ends because of this.
    const unstorable = this.keepMetadata(pending.batch);
    if (unstorable !== undefined) this.driving.onFailure(unstorable);
    return pending.batch;
  }

  /** What was taken is durable. */
  wrote(): void {
    const { writing } = this;
    this.writing = undefined;
    writing?.written?.resolve();
  }

  /** Nothing can be written any more. */
  fail(error: Error): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    const waiting = [this.writing?.written, this.pending?.written];
    this.writing = this.pending = undefined;
    this.keeper.released(this);
    this.driving.onFailure(error);
    for (const written of waiting) {
      written?.promise.catch(() => {});
      written?.reject(error);
    }
  }

  /** Resolves when all that was added is durable. */
  private whenWritten(): Promise<void> | undefined {
    const last = this.pending ?? this.writing;
    return last === undefined ? undefined : (last.written ??= deferred()).promise;
  }

  private open(): Pending {
    if (this.pending === undefined) {
      this.pending = { batch: new Batch(), written: undefined };
      if (this.failure === undefined) this.keeper.changed(this, this.driving.durability === "strict");
    }
    return this.pending;
  }

  /** Adds the metadata, when it has changed. Gives the error when it can't be kept, the first time. */
  private keepMetadata(batch: Batch): Error | undefined {
    const metadata = this.driving.metadata();
    if (metadata === undefined || this.hasBadMetadata) return undefined;
    try {
      const text = metadataText(metadata, this.keeper);
      if (text !== this.metadataText) batch.run = { ...batch.run, metadata: batch.keep(text) };
      this.metadataText = text;
      return undefined;
    } catch (error) {
      this.hasBadMetadata = true;
      return error as Error;
    }
  }
}

/** @throws {StoreError} UNSTORABLE naming the path */
export function metadataText(
  metadata: Readonly<Record<string, unknown>>,
  { codec, skipsUnstorable }: Pick<LogKeeper, "codec" | "skipsUnstorable">,
): string {
  try {
    return codec.encode({ ...metadata }, "The metadata");
  } catch (error) {
    if (!skipsUnstorable || !(error instanceof StoreError)) throw error;
    const storable = Object.entries(metadata).filter(([, value]) => codec.canEncode(value));
    return codec.encode(Object.fromEntries(storable));
  }
}
