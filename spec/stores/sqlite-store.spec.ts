import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqliteStore } from "dagwright/store";
import { attachedContract } from "../contracts/store-attached.contract.js";
import { storeCachingContract } from "../contracts/store-caching.contract.js";
import { storeChangingContract } from "../contracts/store-changing.contract.js";
import { closingContract } from "../contracts/store-closing.contract.js";
import { endingContract } from "../contracts/store-ending.contract.js";
import { storeEventsContract } from "../contracts/store-events.contract.js";
import { nestingContract } from "../contracts/store-nesting.contract.js";
import { recordedFsmContract } from "../contracts/store-fsm.contract.js";
import { listingContract } from "../contracts/store-listing.contract.js";
import { storeLookingContract } from "../contracts/store-looking.contract.js";
import { storeMapsContract } from "../contracts/store-maps.contract.js";
import { recordingContract } from "../contracts/store-recording.contract.js";
import { recoveringContract } from "../contracts/store-recovering.contract.js";
import { repeatingContract } from "../contracts/store-repeating.contract.js";
import { replayingContract } from "../contracts/store-replaying.contract.js";
import { streamingContract } from "../contracts/store-streaming.contract.js";
import { resumingContract } from "../contracts/store-resuming.contract.js";
import { sharingContract } from "../contracts/store-sharing.contract.js";
import { storeWaitingContract } from "../contracts/store-waiting.contract.js";
import { openDatabase } from "../support/sqlite.js";

async function subject() {
  const folder = mkdtempSync(join(tmpdir(), "dagwright-runs-"));
  let number = 0;
  const path = () => join(folder, `${number}.db`);
  const execute = async (statement: string) => {
    const database = openDatabase(path());
    database.prepare(statement).run([]);
    database.close();
  };
  return {
    address: path,
    open: (options?: Parameters<typeof sqliteStore>[1]) => sqliteStore(path(), options),
    execute,
    count: async (table: string) => {
      const database = openDatabase(path());
      const [{ n }] = database.prepare(`select count(*) as n from ${table}`).all([]) as { n: number }[];
      database.close();
      return n;
    },
    refuse: (node: string) =>
      execute(
        `create trigger refuses before insert on node_executions when new.node = '${node}' begin select raise(abort, 'refused'); end`,
      ),
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

recordingContract("SQLite", subject);
resumingContract("SQLite", subject);
streamingContract("SQLite", subject);
replayingContract("SQLite", subject);
listingContract("SQLite", subject);
storeMapsContract("SQLite", subject);
recordedFsmContract("SQLite", subject);
nestingContract("SQLite", subject);
sharingContract("SQLite", subject);
storeEventsContract("SQLite", subject);
storeWaitingContract("SQLite", subject);
storeCachingContract("SQLite", subject);
storeLookingContract("SQLite", subject);
storeChangingContract("SQLite", subject);
endingContract("SQLite", subject);
recoveringContract("SQLite", subject);
repeatingContract("SQLite", subject);
attachedContract("SQLite", subject);
closingContract("SQLite", subject);
