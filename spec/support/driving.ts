/**
 * A process that drives a run until the run ends or the process is killed. Arguments: the database (a Postgres address
 * or a path), the kind and the id of the run. Prints "driving" when the run is recorded, and finally the run's value.
 * With the kind "stopped", it stops an fsm at once, and leaves the store open.
 */
import { Dag, Fsm, next, waitForEvent, type FsmHandle } from "../../lib/index.js";
import { postgresStore, sqliteStore } from "../../lib/store.js";
import { sleep } from "./waiting.js";

/** Waits for events in cart and paid. RUSH goes from cart to sent through two states that don't wait. */
export function parcel(): Fsm<any> {
  const fsm = new Fsm<any>("parcel");
  fsm.state("cart", { initial: true }, () => waitForEvent({ NOTE: "cart", PAID: "paid", RUSH: "rushing" }));
  fsm.state("paid", () => waitForEvent({ SENT: "sent" }));
  fsm.state("rushing", (payload: unknown) => next("hurrying", payload));
  fsm.state("hurrying", (payload: unknown) => next("sent", payload));
  fsm.state("sent", { terminal: true }, (payload: unknown) => payload);
  return fsm;
}

/** Two nodes. The first waits for a promise. */
export function stuck(opened: () => Promise<unknown>): Dag<any> {
  const dag = new Dag<any>("stuck");
  dag.node("first", () => opened().then(() => 1));
  dag.node("second", { needs: ["first"] }, (first: number) => first + 1);
  return dag;
}

const [database, kind, runId] = process.argv.slice(2);
if (runId !== undefined) {
  const store = database.startsWith("postgres") ? postgresStore(database) : sqliteStore(database);
  const workflow = kind === "dag" ? stuck(() => sleep(3_600_000)) : parcel();
  const handle = workflow.start({ store, runId });
  await handle.recorded;
  process.stdout.write("driving\n");
  const run = await (kind === "stopped" ? (handle as FsmHandle<any>).stop() : handle.result);
  process.stdout.write(`${JSON.stringify(run.value)}\n`);
  if (kind !== "stopped") await store.close();
}
