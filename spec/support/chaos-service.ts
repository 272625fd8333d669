/**
 * A process with a service, to be killed, stopped and cut off. Arguments: the database (a path or an address), the ledger
 * that its calls are written to, and settings as JSON. It prints "ready" when the service has started. The message "stop"
 * stops it, "heap" asks for the size of its heap; it ends with whoever has started it.
 */
import { bullmq } from "dagwright/bullmq";
import { Service } from "dagwright/service";
import { postgresStore, sqliteStore } from "dagwright/store";
import { chaosWorkflows } from "./chaos-workflows.js";

/** Settings of the process. */
export interface ChaosSettings {
  readonly lease?: number;
  readonly concurrency?: number;
  readonly pollInterval?: number;
  readonly maxRecoveries?: number;
  /** The longest time that a call takes, in ms. */
  readonly slowest?: number;
  /** How long runs may go on when it is stopped, in ms. */
  readonly grace?: number;
  readonly limits?: Readonly<Record<string, number>>;
  readonly rate?: Readonly<Record<string, { readonly limit: number; readonly interval: number }>>;
  /** What brings runs to it, unless the store does it alone. */
  readonly queue?: { readonly connection: string; readonly prefix?: string; readonly repairInterval?: number };
}

const [database, ledger, json] = process.argv.slice(2);
const {
  lease,
  concurrency = 20,
  pollInterval = 100,
  slowest,
  grace = 0,
  maxRecoveries,
  limits,
  rate,
  queue,
} = JSON.parse(json) as ChaosSettings;
const store = database.startsWith("postgres:") ? postgresStore(database, { lease }) : sqliteStore(database, { lease });
const workflows = Object.values(chaosWorkflows(ledger, slowest));
const service = new Service({
  store,
  workflows,
  concurrency,
  pollInterval,
  maxRecoveries,
  limits,
  rate,
  queue: queue && bullmq(queue),
});

const orphaned = () => process.exit(1);
process.on("disconnect", orphaned);
const stop = async () => {
  await service.close({ grace });
  await store.close();
  process.off("disconnect", orphaned).disconnect();
};
process.on("message", (what: "stop" | "heap") => {
  if (what === "stop") return void stop();
  globalThis.gc?.();
  process.send?.(process.memoryUsage().heapUsed);
});
await service.start();
process.stdout.write("ready\n");
