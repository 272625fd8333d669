/** A process that executes the nodes, or jobs, of a queue until its parent is gone. Its argument says which. */
import { worker } from "dagwright/bullmq";
import { bareWorker } from "./bare-bullmq.js";
import { remoteDag } from "./dags.js";
import type { WorkerProcess } from "./start.js";

const { place, dags, concurrency } = JSON.parse(process.argv[2]) as WorkerProcess;
if (dags === undefined) await bareWorker(place, concurrency);
else {
  const { url: connection, queue, prefix } = place;
  await worker({ connection, queue, prefix, workflows: dags.map(remoteDag), concurrency }).ready();
}
process.on("disconnect", () => process.exit());
process.send?.("ready");
