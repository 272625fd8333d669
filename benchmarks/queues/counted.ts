import { createRequire } from "node:module";
import pg from "pg";
import { sqliteStore, type OpenDatabase, type SqlStore } from "dagwright/store";

/** How many queries this process has sent to Postgres, or executed in SQLite stores that were opened here. */
export const queries = { count: 0 };

const query = Reflect.get(pg.Client.prototype, "query") as (...args: unknown[]) => unknown;
Object.assign(pg.Client.prototype, {
  query(this: pg.Client, ...args: unknown[]): unknown {
    queries.count++;
    return Reflect.apply(query, this, args);
  },
});

type Libsql = new (path: string) => OpenDatabase;

/** A store whose queries are counted. */
export function countedSqlite(file: string): SqlStore {
  const Database = createRequire(import.meta.url)("libsql") as Libsql;
  const database = new Database(file);
  const counted = <T>(value: T) => (queries.count++, value);
  return sqliteStore({
    close: () => database.close(),
    prepare: (sql) => {
      const statement = database.prepare(sql);
      return {
        reader: statement.reader,
        all: (parameters) => counted(statement.all(parameters)),
        run: (parameters) => counted(statement.run(parameters)),
        iterate: (parameters) => counted(statement.iterate(parameters)),
      };
    },
  });
}
