import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqliteStore } from "dagwright/store";
import { lifecycleContract, type LockableSubject } from "../contracts/store-lifecycle.contract.js";
import { storeContract } from "../contracts/store.contract.js";
import { openDatabase } from "../support/sqlite.js";

async function onDisk(): Promise<LockableSubject> {
  const folder = mkdtempSync(join(tmpdir(), "dagwright-runs-"));
  let number = 0;
  const path = () => join(folder, `${number}.db`);
  return {
    open: (options) => sqliteStore(path(), options),
    execute: async (statement) => {
      const database = openDatabase(path());
      database.prepare(statement).run([]);
      database.close();
    },
    count: async (table) => {
      const database = openDatabase(path());
      const [{ n }] = database.prepare(`select count(*) as n from ${table}`).all([]) as { n: number }[];
      database.close();
      return n;
    },
    reset: async () => void number++,
    close: async () => rmSync(folder, { recursive: true, force: true }),
    lock: async () => {
      const database = openDatabase(path());
      database.prepare("begin immediate").run([]);
      return async () => {
        database.prepare("rollback").run([]);
        database.close();
      };
    },
  };
}

storeContract("SQLite", onDisk);
lifecycleContract("SQLite", onDisk);
