/**
 * A process to be killed: a service that fires a schedule, and drives its runs, whose ids it appends to a ledger.
 * Arguments: the address of the database, the ledger, and the interval of the schedule in ms; and perhaps options of
 * bullmq(), as JSON.
 */
import { appendFileSync } from "node:fs";
import { Dag, type Context } from "dagwright";
import { bullmq, type BullmqOptions } from "dagwright/bullmq";
import { Service } from "dagwright/service";
import { postgresStore, sqliteStore } from "dagwright/store";

const [address, ledger, every, queueOptions] = process.argv.slice(2);

const ticks = new Dag<any>("ticks");
ticks.node("tick", (ctx: Context) => appendFileSync(ledger, `${ctx.runId}\n`));

const options = { lease: 1000 };
const store = address.startsWith("postgres") ? postgresStore(address, options) : sqliteStore(address, options);
const queue = queueOptions === undefined ? undefined : bullmq(JSON.parse(queueOptions) as BullmqOptions);
const service = new Service({ store, queue, workflows: [ticks], pollInterval: 50 });
await service.schedule("often", ticks, { every: Number(every), overlap: "allow", catchUp: "all" });
await service.start();
setInterval(() => {}, 1000);
process.stdout.write("ready\n");
