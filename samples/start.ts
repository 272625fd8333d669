/**
 * The workflow of `weather.ts` before your eyes: a process runs it, with the live view, and is killed in the middle; this
 * one goes on with the same run from its record, and writes a page with the report's chart, a picture of the workflow as
 * it ran, and its timeline.
 *
 * Prints the live view twice, and then:
 *
 *     Seattle 2012–2015: 1461 days, rain on 43% of them, 3.0 mm a day. A rainy place.
 *     Open samples/output/weather.html
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Dag } from "dagwright";
import { progress } from "dagwright/observers";
import { sqliteStore, type RunDetails } from "dagwright/store";
import { Weather } from "./weather.js";
import { writePage } from "./weather-page.js";

const dag = Dag.from(Weather);
const [, script, path = join(mkdtempSync(join(tmpdir(), "dagwright-")), "runs.db")] = process.argv;
const store = sqliteStore(path);
// The child process gets the path as its argument. It begins the run and is killed.
if (process.argv.length > 2) {
  const inputs = { crashes: true };
  const observers = [progress({ plan: dag.dryRun({ mode: "async", inputs }) })];
  await dag.run({ mode: "async", store, inputs, observers });
}

const { signal } = spawnSync(process.execPath, [...process.execArgv, script, path], { stdio: "inherit" });
console.log(`The process was killed by ${signal}. Another one goes on with its run:`);
const [run] = await dag.recover({ mode: "async", store, observers: [progress()] });
console.log(run.get("summary"));
console.log(`Open ${await writePage((await store.getRun(run.runId)) as RunDetails)}`);
await store.close();
rmSync(join(path, ".."), { recursive: true });
