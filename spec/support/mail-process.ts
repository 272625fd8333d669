/**
 * A process that is to be killed: a worker, a service that drives `parcels`, or a driver of `letters`. Arguments: the
 * database (a path or an address), the ledger, and settings as JSON. It prints "ready", and ends with whoever started it.
 */
import { remote, worker, type BullmqConnection } from "dagwright/bullmq";
import { Service } from "dagwright/service";
import { postgresStore, sqliteStore } from "dagwright/store";
import { mail } from "./mail.js";

export interface MailSettings {
  readonly role: "worker" | "service" | "driver";
  readonly broker: { readonly connection: BullmqConnection; readonly queue: string; readonly prefix?: string };
  readonly lease: number;
  /** The runs of a driver. */
  readonly runs?: readonly string[];
}

const [database, ledger, json] = process.argv.slice(2);
const { role, broker, lease, runs = [] } = JSON.parse(json) as MailSettings;
process.on("disconnect", () => process.exit(1));

if (role === "worker") {
  await worker({ ...broker, lease, workflows: Object.values(mail(ledger)), concurrency: 8 }).ready();
} else {
  const { parcels, letters } = mail(ledger, remote({ ...broker, lease }));
  const store = database.startsWith("postgres:") ? postgresStore(database) : sqliteStore(database);
  if (role === "service") {
    const settings = { concurrency: 20, pollInterval: 100, maxRecoveries: 1_000_000 };
    await new Service({ store, workflows: [parcels], ...settings }).start();
  } else {
    for (const runId of runs) void letters.run({ store, runId, ifExists: "attach" });
  }
}
process.stdout.write("ready\n");
