import { afterTurn } from "../../base/event-loop.js";
import { awaitsOutside } from "../../base/outside-work.js";
import { realTime } from "./real-time.js";

/** How many turns of the event loop in a row have to be quiet: what one turn begins, another may wait for. */
const QUIET_TURNS = 3;

/** What ends by itself, of what `process.getActiveResourcesInfo` lists: callbacks of `setImmediate`, requests to the system. */
const PENDING = /^Immediate$|Req/u;

/** The longest wait, in ms of real time: it may be for something that never comes. */
const MAX_WAIT = 5000;

/**
 * Resolves when this process does nothing more by itself: neither in this turn of the event loop, nor with files, nor in
 * worker threads and databases of workflows; after five seconds in any case.
 */
export async function quiet(): Promise<void> {
  const began = realTime.now();
  for (let turns = 0; turns < QUIET_TURNS; turns++) {
    await afterTurn();
    if (realTime.now() - began > MAX_WAIT) return;
    if (awaitsOutside()) await realTime.sleep(1);
    else if (!isPending()) continue;
    turns = -1;
  }
}

function isPending(): boolean {
  return process.getActiveResourcesInfo().some((kind) => PENDING.test(kind));
}
