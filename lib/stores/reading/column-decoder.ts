import type { Kysely } from "kysely";
import { append } from "../../base/append.js";
import { show } from "../../base/check.js";
import type { Structure } from "../../planning/structure.js";
import { parts } from "../database/parts.js";
import { blobHash, blobReference, sha256 } from "../writing/blobs.js";
import type { Codec } from "../values/codec.js";
import { parseNames, parseStructure, parseWait } from "./json-columns.js";
import { describeColumn, type RunRows } from "./row-checks.js";
import type { CycleRow, RunRow, Tables } from "../database/schema.js";
import type { RecordedWait } from "../store.js";
import { reasonOf, unreadable } from "../values/unreadable.js";

/** The maximum number of blobs per query. */
const MAX_BLOBS = 100;

/** Columns that hold plain JSON instead of an encoded value. */
const LISTS: readonly string[] = ["scope", "outputs"];
const WAITS: readonly string[] = ["wait"];

/**
 * Decodes the text columns of a run's rows. Columns are registered first, then their blobs are fetched together, and
 * then they can be decoded.
 */
export class ColumnDecoder {
  /** By hash; undefined until known, or if missing. */
  private readonly blobs = new Map<string, string | undefined>();
  private parsedStructure: Structure | undefined;
  private nodeNames: ReadonlySet<string> | undefined;
  private readonly columns: { readonly column: string; readonly text: string; readonly place: () => string }[] = [];

  /** @param run - the run's own row; undefined if none of its columns are decoded */
  constructor(
    private readonly codec: Codec,
    private readonly runId: string,
    private readonly run?: RunRow,
    /** Called with each decoded object. */
    private readonly onObject?: (object: object) => void,
  ) {
    if (run === undefined) return;
    if (run.fingerprint !== "") this.blobs.set(run.fingerprint, undefined);
    this.register("runs", run, "inputs", "metadata", "scope", "outputs", "error", "provided");
  }

  /** Registers columns of a row to decode. */
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

  /** Passes a blob that need not be fetched. */
  know(hash: string, data: string): void {
    this.blobs.set(hash, data);
  }

  /** Fetches the blobs that registered columns refer to. */
  fetchBlobs(db: Kysely<Tables>): Promise<void> {
    return ColumnDecoder.fetchBlobs(db, [this]);
  }

  /** Fetches the blobs of several runs together. */
  static async fetchBlobs(db: Kysely<Tables>, decoders: readonly ColumnDecoder[]): Promise<void> {
    const users = new Map<string, ColumnDecoder[]>();
    for (const decoder of decoders) {
      for (const [hash, data] of decoder.blobs) if (data === undefined) append(users, hash, decoder);
    }
    const hashes = Array.from(users.keys());
    for (const part of parts(hashes, MAX_BLOBS)) {
      const rows = await db.selectFrom("blobs").select(["hash", "data"]).where("hash", "in", part).execute();
      for (const { hash, data } of rows) for (const decoder of users.get(hash) ?? []) decoder.blobs.set(hash, data);
    }
  }

  /**
   * The names of a run's outputs. A run that was reopened by hand still has the outputs of its former end, which don't
   * count.
   */
  outputs({ status, outputs }: RunRow): readonly string[] {
    return outputs === null || ["running", "queued"].includes(status) ? [] : this.list(outputs);
  }

  value(text: string): unknown {
    return this.read(text, (plain) => this.codec.decode(plain, this.onObject));
  }

  optional(text: string | null): { readonly value: unknown } | undefined {
    return text === null ? undefined : { value: this.value(text) };
  }

  thrown(text: string | null): unknown {
    return text === null ? undefined : this.value(text);
  }

  record(text: string): Record<string, unknown> {
    return this.read(text, (plain) => {
      const value = this.codec.decode(plain, this.onObject);
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

  /** Empty while it is not known. */
  structure(): Structure {
    const { fingerprint } = this.run as RunRow;
    if (fingerprint === "") return [];
    return (this.parsedStructure ??= this.read(blobReference(fingerprint), parseStructure));
  }

  /** Whether the structure has a node or state of this name. */
  hasNode(name: string): boolean {
    this.nodeNames ??= new Set(this.structure().map(([own]) => own));
    return this.nodeNames.has(name);
  }

  requireState(row: CycleRow): void {
    if (this.hasNode(row.state)) return;
    throw unreadable(this.runId, describeColumn("fsm_cycles", row, "state"), `there is no state ${show(row.state)}`);
  }

  /**
   * @param columns - those that `parse` reads; undefined for all columns with encoded values
   * @throws {StoreError} STORE naming run and column, when `parse` throws or a blob is missing
   */
  private read<T>(text: string, parse: (plain: string) => T, columns?: readonly string[]): T {
    try {
      const hash = blobHash(text);
      const plain = hash === undefined ? text : this.blobs.get(hash);
      if (typeof plain !== "string") throw new TypeError("the blob it refers to is missing");
      if (hash !== undefined && sha256(plain) !== hash) throw new TypeError("the blob it refers to has the wrong hash");
      return parse(plain);
    } catch (cause) {
      const isCandidate = (column: string) => columns?.includes(column) ?? ![...LISTS, ...WAITS].includes(column);
      const source = this.columns.find((each) => each.text === text && isCandidate(each.column));
      const place = source?.place() ?? describeColumn("runs", this.run as RunRow, "fingerprint");
      throw unreadable(this.runId, place, reasonOf(cause), cause);
    }
  }
}
