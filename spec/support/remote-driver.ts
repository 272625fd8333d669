/** A process that drives a recorded run whose node is remote: `remote-driver.ts <options as JSON>`. */
import { remote } from "dagwright/bullmq";
import { postgresStore, sqliteStore } from "dagwright/store";
import { placedOn } from "./placed.js";
import { gated } from "./remote-workflows.js";

export interface DriverOptions {
  readonly connection: string;
  readonly prefix?: string;
  readonly queue: string;
  readonly database: string;
  readonly runId: string;
  readonly file: string;
  readonly lease: number;
}

const { connection, prefix, queue, database, runId, file, lease } = JSON.parse(process.argv[2]) as DriverOptions;
const store = database.startsWith("postgres") ? postgresStore(database, { lease }) : sqliteStore(database, { lease });
const backend = remote({ connection, prefix, queue, lease });
const dag = placedOn(gated, (node) => (node === "gated" ? backend : "inline"));
await dag.run({ mode: "hybrid", store, runId, inputs: { file } });
process.stdout.write("done\n");
await backend.close();
await store.close();
