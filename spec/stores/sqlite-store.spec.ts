import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqliteStore } from "dagwright/store";
import { storeLookingContract } from "../contracts/store-looking.contract.js";
import { storeContract, type StoreSubject } from "../contracts/store.contract.js";
import { openDatabase } from "../support/sqlite.js";

const connect = async (): Promise<StoreSubject> => {
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
  };
};

storeContract("SQLite", connect);
storeLookingContract("SQLite", connect);
