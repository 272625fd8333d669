/**
 * A process that is killed after it has said "ready": it drives a run that takes events, or sends some to it. Arguments: what to do,
 * the database (a path or an address), the run's id, and of a sender its name and how many events it sends.
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

/** Until there is the run, and nobody else drives it. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
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

// Nobody waits for it any more.
setTimeout(() => process.exit(1), 60_000).unref();
process.stdout.write("ready\n");

if (task === "drive") {
  const options = { store, maxCycles: Infinity };
  // The first one drives it as long as it lives; those after it, when there is something to do.
  const first = fsm.start({ ...options, runId }).result.catch((error: { code?: string }) => {
    if (error.code !== "RUN_EXISTS") throw error;
  });
  for (let run = await first; run?.status !== "completed"; await sleep(5)) {
    run = await patiently(() => fsm.resume(runId, options));
  }
} else if (task === "send") {
  for (let i = 0; i < Number(count); i++) {
    await patiently(() => fsm.send(runId, "ITEM", `${name} ${i}`, { store, key: `${name} ${i}` }));
  }
} else if (task === "end") {
  await patiently(() => fsm.send(runId, "END", undefined, { store, key: "end" }));
}
await store.close();
