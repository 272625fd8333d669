/**
 * A process that drives jobs which others submit, until its parent is gone. Arguments: the system, its database, and
 * perhaps the address of a Redis through which its runs come.
 */
import { bullmq } from "dagwright/bullmq";
import { postgresStore, sqliteStore } from "dagwright/store";
import { dagwright } from "./dagwright.js";
import { dbos } from "./dbos.js";

const [system, database, redis] = process.argv.slice(2);
const queue = redis === undefined ? undefined : bullmq({ connection: redis, prefix: database });

/** The time by a clock that processes share. */
const now = () => performance.timeOrigin + performance.now();

const watch = { begun: (n: number) => void process.send?.({ n, at: now() }) };
if (system === "dbos") await dbos(database, watch);
else await dagwright(system, system === "sqlite" ? sqliteStore(database) : postgresStore(database), watch, queue);
process.on("disconnect", () => process.exit());
process.send?.("ready");
