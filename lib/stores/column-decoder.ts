import type { Kysely } from "kysely";
import { show } from "../base/check.js";
import type { Structure } from "../planning/structure.js";
import { sha256, blobReference, blobHash } from "./batch.js";
import type { Codec } from "./codec.js";
import { parseNames, describeColumn, reasonOf, parseStructure, unreadable, parseWait, type RunRows } from "./rows.js";
import type { CycleRow, RunRow, Tables } from "./schema.js";
import type { RecordedWait } from "./store.js";

/** Texts that are kept apart, read together. */
const MAX_BLOBS = 100;

/** Columns that hold JSON as such, and no value. */
const LISTS: readonly string[] = ["scope", "outputs"];
const WAITS: readonly string[] = ["wait"];

/** The texts of a run's rows as values, those that are kept apart included. */
export class ColumnDecoder {
  /** Undefined for what is not there. */
  private readonly blobs = new Map<string, string | undefined>();
  private known: Structure | undefined;
  private names: ReadonlySet<string> | undefined;
  private readonly columns: { readonly column: string; readonly text: string; readonly place: () => string }[] = [];

  /** @param run - the run's own row; undefined when nothing of it is asked for */
  constructor(
    private readonly codec: Codec,
    private readonly runId: string,
    private readonly run?: RunRow,
    /** Is called with each object of the values. */
    private readonly touch?: (made: object) => void,
  ) {
    if (run === undefined) return;
    this.blobs.set(run.fingerprint, undefined);
    this.register("runs", run, "inputs", "metadata", "scope", "outputs", "error");
  }

  /** Says which columns of a row will be asked for. */
  register<Table extends keyof RunRows, Column extends keyof RunRows[Table] & string>(
    table: Table,
    row: Pick<RunRows[Table], Column>,
    ...columns: readonly Column[]
  ): void {
    for (const column of columns) {
      const text = row[column] as string | null;
      if (text === null) continue;
      this.columns.push({ column, text, place: () => describeColumn(table, row as RunRows[Table], column) });
      const hash = blobHash(text);
      if (hash !== undefined) this.blobs.set(hash, undefined);
    }
  }

  async fetchBlobs(db: Kysely<Tables>): Promise<void> {
    const hashes = Array.from(this.blobs.keys());
    for (let at = 0; at < hashes.length; at += MAX_BLOBS) {
      const part = hashes.slice(at, at + MAX_BLOBS);
      const rows = await db.selectFrom("blobs").select(["hash", "data"]).where("hash", "in", part).execute();
      for (const { hash, data } of rows) this.blobs.set(hash, data);
    }
  }

  value(text: string): unknown {
    return this.read(text, (plain) => this.codec.decode(plain, this.touch));
  }

  optional(text: string | null): { readonly value: unknown } | undefined {
    return text === null ? undefined : { value: this.value(text) };
  }

  thrown(text: string | null): unknown {
    return text === null ? undefined : this.value(text);
  }

  record(text: string): Record<string, unknown> {
    return this.read(text, (plain) => {
      const value = this.codec.decode(plain, this.touch);
      if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
        return value as Record<string, unknown>;
      }
      throw new TypeError("it must be a record");
    });
  }

  list(text: string): readonly string[] {
    return this.read(text, parseNames, LISTS);
  }

  wait(text: string): RecordedWait {
    return this.read(text, (plain) => parseWait(plain, (name) => this.hasNode(name)), WAITS);
  }

  structure(): Structure {
    return (this.known ??= this.read(blobReference((this.run as RunRow).fingerprint), parseStructure));
  }

  /** Whether there is a node, or state, of this name. */
  hasNode(name: string): boolean {
    this.names ??= new Set(this.structure().map(([own]) => own));
    return this.names.has(name);
  }

  requireState(row: CycleRow): void {
    if (this.hasNode(row.state)) return;
    throw unreadable(this.runId, describeColumn("fsm_cycles", row, "state"), `there is no state ${show(row.state)}`);
  }

  /** @throws {StoreError} STORE naming run and column, for what `from` throws and for what is not there */
  private read<T>(text: string, from: (plain: string) => T, columns?: readonly string[]): T {
    try {
      const hash = blobHash(text);
      const plain = hash === undefined ? text : this.blobs.get(hash);
      if (typeof plain !== "string") throw new TypeError("what it refers to is not in table blobs");
      if (hash !== undefined && sha256(plain) !== hash)
        throw new TypeError("what it refers to in table blobs was changed");
      return from(plain);
    } catch (cause) {
      const isMeant = (column: string) => columns?.includes(column) ?? ![...LISTS, ...WAITS].includes(column);
      const meant = this.columns.find((each) => each.text === text && isMeant(each.column));
      const place = meant?.place() ?? describeColumn("runs", this.run as RunRow, "fingerprint");
      throw unreadable(this.runId, place, reasonOf(cause), cause);
    }
  }
}
