import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqliteStore, type OpenDatabase } from "dagwright/store";
import { storeContract } from "../contracts/store.contract.js";

storeContract("SQLite", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dagwright-runs-"));
  let number = 0;
  const path = () => join(folder, `${number}.db`);
  const libsql = () => new (createRequire(import.meta.url)("libsql") as new (path: string) => OpenDatabase)(path());
  return {
    open: (options) => sqliteStore(path(), options),
    execute: async (statement) => {
      const database = libsql();
      database.prepare(statement).run([]);
      database.close();
    },
    count: async (table) => {
      const database = libsql();
      const [{ n }] = database.prepare(`select count(*) as n from ${table}`).all([]) as { n: number }[];
      database.close();
      return n;
    },
    reset: async () => void number++,
    close: async () => rmSync(folder, { recursive: true, force: true }),
  };
});
