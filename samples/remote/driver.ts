/** Drives one run, whose heavy nodes are executed by workers. It can be killed: the next one goes on with the run. */
import { Dag } from "dagwright";
import { remote } from "dagwright/bullmq";
import { openStore, queue } from "./settings.js";
import { Site } from "./site.js";

const { SOURCE = "docs", TARGET = "samples/output/site" } = process.env;
const store = openStore();
const workers = remote(queue);
try {
  const options = { mode: "hybrid", store } as const;
  const site = Dag.from(Site, { backends: { workers } });
  const [recovered] = await site.recover(options);
  const run = recovered ?? (await site.run({ ...options, inputs: { source: SOURCE, target: TARGET } }));
  console.log(run.get("saved"));
} finally {
  await workers.close();
  await store.close();
}
