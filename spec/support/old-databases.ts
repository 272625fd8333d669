/**
 * Databases of earlier schemas, which stores upgrade in place: `spec/stores/fixtures/schema-<n>.db`.
 *
 * One is made by the version that has this schema: `npx tsx spec/support/old-databases.ts path/to/dist schema-2.db`.
 */
import { pathToFileURL } from "node:url";
import type * as Library from "dagwright";
import type * as Stores from "dagwright/store";

/** The workflows whose runs are in the databases. */
export function recordedWorkflows({ Dag, Fsm, PauseRun, stop, waitForEvent }: typeof Library) {
  const total = new Dag("total");
  const price = total.node("price", () => 5);
  total.node("approve", { needs: [price] }, (of: number) => {
    if (of > 0) throw new PauseRun("ask Ann");
  });
  total.node("sum", { needs: ["price", "approve"] }, (of: number, by: string) => `${of} by ${by}`);
  const order = new Fsm("order");
  order.state("created", { initial: true }, () =>
    waitForEvent({ PAID: "paid" }, { after: [3_000_000_000_000, "expired"] }),
  );
  order.state("paid", (amount: number) => stop(`paid ${amount}`));
  order.state("expired", () => stop("expired"));
  const around = new Dag("around");
  around.node("order", order);
  return { total, order, around };
}

/** Records a dag that paused, an fsm that waits, one that was sent its event, and one inside a dag. */
export async function recordRuns(library: typeof Library, store: Stores.SqlStore): Promise<void> {
  const { total, order, around } = recordedWorkflows(library);
  await total.run({ store, runId: "paused" });
  await order.run({ store, runId: "waits", detach: true });
  await order.run({ store, runId: "paid", detach: true });
  await order.send("paid", "PAID", 7, { store });
  await around.run({ store, runId: "around", detach: true });
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [, , dist, path] = process.argv;
  const load = <T>(file: string) => import(pathToFileURL(`${dist}/${file}`).href) as Promise<T>;
  const library = await load<typeof Library>("index.mjs");
  const { sqliteStore } = await load<typeof Stores>("store.mjs");
  const store = sqliteStore(path);
  await recordRuns(library, store);
  await store.close();
}
