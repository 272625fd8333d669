/**
 * A process to be killed after it has printed "ready": it drives a run that takes events, or sends events to it.
 * Arguments: the task, the database (a path or an address), the run's id, and for a sender its name and the number of
 * its events.
 */
import { Fsm, next, stop, waitForEvent } from "dagwright";
import { postgresStore, sqliteStore } from "dagwright/store";
import { sleep } from "./waiting.js";

const [task, database, runId, name, count] = process.argv.slice(2);

const options = { lease: 50 };
const store = database.startsWith("postgres:") ? postgresStore(database, options) : sqliteStore(database, options);

const fsm = new Fsm<any>("collector");
fsm.state("idle", { initial: true }, () => waitForEvent({ ITEM: "item", END: "end" }, { after: [3_600_000, "end"] }));
fsm.state("item", async () => (await sleep(1), next("idle")));
fsm.state("end", () => stop("end"));

/** Retries until the run exists and has no other driver. */
async function retry<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const { code } = error as { code?: string };
      if (code !== "LEASE_HELD" && code !== "NOT_FOUND") throw error;
      await sleep(10);
    }
  }
}

// An orphaned process ends by itself.
setTimeout(() => process.exit(1), 60_000).unref();
process.stdout.write("ready\n");

if (task === "drive") {
  const options = { store, maxCycles: Infinity };
  // The first driver keeps driving the run. Later ones resume it whenever it can continue.
  const first = fsm.start({ ...options, runId }).result.catch((error: { code?: string }) => {
    if (error.code !== "RUN_EXISTS") throw error;
  });
  for (let run = await first; run?.status !== "completed"; await sleep(5)) {
    run = await retry(() => fsm.resume(runId, options));
  }
} else if (task === "send") {
  for (let i = 0; i < Number(count); i++) {
    await retry(() => fsm.send(runId, "ITEM", `${name} ${i}`, { store, key: `${name} ${i}` }));
  }
} else if (task === "end") {
  await retry(() => fsm.send(runId, "END", undefined, { store, key: "end" }));
}
await store.close();
