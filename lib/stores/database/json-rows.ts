import { type RawBuilder, sql } from "kysely";
import type { ColumnType } from "../writing/columns.js";
import type { Database } from "./database.js";

/** A source of a query, named `w`: rows that are passed as a single parameter. Columns that a row lacks are null. */
export function jsonRows(
  rows: readonly object[],
  columns: Readonly<Record<string, ColumnType>>,
  { hasRowLocks }: Pick<Database, "hasRowLocks">,
): RawBuilder<unknown> {
  const json = JSON.stringify(rows);
  const names = Object.entries(columns);
  if (hasRowLocks) {
    const declared = names.map(([name, type]) => `${name} ${type}`).join(", ");
    return sql`json_to_recordset(${json}::json) as w(${sql.raw(declared)})`;
  }
  const extracted = names.map(([name]) => `json_extract(value, '$.${name}') as ${name}`).join(", ");
  return sql`(select ${sql.raw(extracted)} from json_each(${json})) as w`;
}
