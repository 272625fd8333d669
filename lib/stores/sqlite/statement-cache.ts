import type { OpenDatabase, OpenStatement } from "./sqlite-packages.js";

/** How many prepared statements to keep. */
const MAX_STATEMENTS = 100;

/** Caches prepared statements: preparing one takes as long as executing it a few times. */
export function withStatementCache(database: OpenDatabase): OpenDatabase {
  const prepared = new Map<string, OpenStatement>();
  return {
    close: () => database.close(),
    prepare: (sql) => {
      let statement = prepared.get(sql);
      if (statement === undefined) {
        if (prepared.size >= MAX_STATEMENTS) prepared.clear();
        statement = withCachedReader(database.prepare(sql));
        prepared.set(sql, statement);
      }
      return statement;
    },
  };
}

/** Reads `reader` once: in libsql, it is a native call. */
function withCachedReader(statement: OpenStatement): OpenStatement {
  const { reader } = statement;
  return {
    reader,
    all: (parameters) => statement.all(parameters),
    run: (parameters) => statement.run(parameters),
    iterate: (parameters) => statement.iterate(parameters),
  };
}
