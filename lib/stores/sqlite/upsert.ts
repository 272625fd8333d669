import type { CompiledQuery, Kysely, Transaction } from "kysely";
import type { TableShape } from "../writing/columns.js";
import type { Tables } from "../database/schema.js";

/** The maximum number of rows per statement, a power of two. More are no faster. */
const MAX_ROWS = 32;

/**
 * Upserts rows of a table with multi-row statements, whose row counts are powers of two. Each statement is built only
 * once, which takes longer than SQLite takes to execute it.
 */
export class Upsert<T extends keyof Tables> {
  private readonly columns: readonly (keyof Tables[T] & string)[];
  private readonly statements = new Map<number, CompiledQuery>();

  constructor(
    private readonly db: Kysely<Tables>,
    private readonly shape: TableShape<T>,
  ) {
    this.columns = Object.keys({ ...shape.key, ...shape.updated, ...shape.insertOnly }) as (keyof Tables[T] & string)[];
  }

  async run(trx: Transaction<Tables>, rows: readonly Tables[T][]): Promise<void> {
    let size = MAX_ROWS;
    for (let at = 0; at < rows.length; at += size) {
      while (size > rows.length - at) size >>= 1;
      const parameters: unknown[] = [];
      for (let i = at; i < at + size; i++) for (const column of this.columns) parameters.push(rows[i][column]);
      await trx.executeQuery({ ...this.statement(size), parameters });
    }
  }

  private statement(rows: number): CompiledQuery {
    let statement = this.statements.get(rows);
    if (statement === undefined) this.statements.set(rows, (statement = this.build(rows)));
    return statement;
  }

  private build(rows: number): CompiledQuery {
    const { table, key, updated } = this.shape;
    const into: string = table;
    const blank = Object.fromEntries(this.columns.map((column) => [column, 0]));
    const replaced = Object.keys(updated);
    return (this.db as Kysely<any>)
      .insertInto(into)
      .values(Array.from({ length: rows }, () => blank))
      .onConflict((conflict) => {
        const target = conflict.columns(Object.keys(key));
        if (replaced.length === 0) return target.doNothing();
        return target.doUpdateSet((eb) => Object.fromEntries(replaced.map((c) => [c, eb.ref(`excluded.${c}`)])));
      })
      .compile();
  }
}
