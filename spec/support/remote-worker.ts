/** A process that works for a queue: `remote-worker.ts <options as JSON>`. Tells "ready" on stdout. */
import { worker } from "dagwright/bullmq";
import { gated, remoteContexts, working } from "./remote-workflows.js";

const options = JSON.parse(process.argv[2]) as { connection: string; queue: string; lease?: number; prefix?: string };
const made = worker({ ...options, workflows: [gated, remoteContexts, working], concurrency: 4 });
await made.ready();
process.stdout.write("ready\n");
process.once("SIGTERM", () => void made.close({ grace: 5000 }));
