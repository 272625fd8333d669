/** Executes nodes of others, one at a time, until SIGTERM. */
import { once } from "node:events";
import { worker } from "dagwright/bullmq";
import { openStore, queue } from "./settings.js";
import { Site } from "./site.js";

const store = openStore();
const own = worker({ ...queue, workflows: [Site], store });
await own.ready();
process.send?.("ready");
await once(process, "SIGTERM");
await own.close({ grace: 20_000 });
await store.close();
