import type { CompiledQuery, Kysely, Transaction } from "kysely";
import type { Tables } from "./schema.js";

/** How many rows a statement writes when there are many: beyond this it gets no faster. */
const MANY = 32;

/**
 * Writes rows of a table, over those of the same key. The statements are built once: building one takes longer than SQLite
 * takes to write its row.
 */
export class Upsert<T extends keyof Tables> {
  private readonly columns: readonly (keyof Tables[T] & string)[];
  private readonly one: CompiledQuery;
  private readonly many: CompiledQuery;

  /** @param columns - of the rows, those of the key first */
  constructor(db: Kysely<Tables>, table: T, key: readonly string[], rest: readonly string[]) {
    this.columns = [...key, ...rest] as (keyof Tables[T] & string)[];
    const into: string = table;
    const statement = (rows: number) => {
      const blank = Object.fromEntries(this.columns.map((column) => [column, 0]));
      return (db as Kysely<any>)
        .insertInto(into)
        .values(Array.from({ length: rows }, () => blank))
        .onConflict((conflict) => {
          const target = conflict.columns([...key]);
          if (rest.length === 0) return target.doNothing();
          return target.doUpdateSet((eb) => Object.fromEntries(rest.map((c) => [c, eb.ref(`excluded.${c}`)])));
        })
        .compile();
    };
    this.one = statement(1);
    this.many = statement(MANY);
  }

  async run(trx: Transaction<Tables>, rows: readonly Tables[T][]): Promise<void> {
    let at = 0;
    for (; at + MANY <= rows.length; at += MANY) await this.write(trx, this.many, rows.slice(at, at + MANY));
    for (; at < rows.length; at++) await this.write(trx, this.one, [rows[at]]);
  }

  private async write(trx: Transaction<Tables>, statement: CompiledQuery, rows: readonly Tables[T][]): Promise<void> {
    const parameters: unknown[] = [];
    for (const row of rows) for (const column of this.columns) parameters.push(row[column]);
    await trx.executeQuery({ ...statement, parameters });
  }
}
