import { attachedContract } from "../contracts/store-attached.contract.js";
import { storeCachingContract } from "../contracts/store-caching.contract.js";
import { storeChangingContract } from "../contracts/store-changing.contract.js";
import { closingContract } from "../contracts/store-closing.contract.js";
import { endingContract } from "../contracts/store-ending.contract.js";
import { storeEventsContract } from "../contracts/store-events.contract.js";
import { interruptingContract } from "../contracts/store-interrupting.contract.js";
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
import { storeWaitsInsideContract } from "../contracts/store-waits-inside.contract.js";
import { storeAttendingContract } from "../contracts/store-attending.contract.js";
import { storeWaitingContract } from "../contracts/store-waiting.contract.js";
import { sqliteSubject } from "../support/store-subjects.js";

async function subject() {
  const sqlite = await sqliteSubject();
  const refuse = (node: string) =>
    sqlite.execute(
      `create trigger refuses before insert on node_executions when new.node = '${node}' begin select raise(abort, 'refused'); end`,
    );
  return { ...sqlite, refuse };
}

recordingContract("SQLite", subject);
interruptingContract("SQLite", subject);
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
storeAttendingContract("SQLite", subject);
storeWaitsInsideContract("SQLite", subject);
storeCachingContract("SQLite", subject);
storeLookingContract("SQLite", subject);
storeChangingContract("SQLite", subject);
endingContract("SQLite", subject);
recoveringContract("SQLite", subject);
repeatingContract("SQLite", subject);
attachedContract("SQLite", subject);
closingContract("SQLite", subject);
