/**
 * A run that outlives its process: killed with `kill -9` halfway, recovered by another process, paused to ask a person,
 * resumed with the answer, and replayed from one node on.
 *
 * Prints:
 *
 *     load: 1461 days
 *     hottest: killed by SIGKILL
 *     recovered:
 *     hottest: 2014-08-11
 *     paused: publish "35.6 °C on 2014-08-11"?
 *     resumed with the answer:
 *     publish: 35.6 °C on 2014-08-11
 *     replayed from publish on:
 *     publish: 35.6 °C on 2014-08-11
 *     2 runs, load was called 1 time
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Context, Dag, node, PauseRun, workflow } from "dagwright";
import { sqliteStore } from "dagwright/store";

@workflow({ name: "hottest-day" })
class HottestDay {
  @node async load(file: string): Promise<string[][]> {
    const lines = (await readFile(file, "utf8")).trim().split("\n").slice(1);
    console.log(`load: ${lines.length} days`);
    return lines.map((line) => line.split(","));
  }
  @node("load") hottest(days: string[][], ctx: Context): string {
    if (ctx.attempt === 1) process.kill(process.pid, "SIGKILL");
    const [date, , degrees] = days.reduce((best, day) => (Number(day[2]) > Number(best[2]) ? day : best));
    console.log(`hottest: ${date}`);
    return `${degrees} °C on ${date}`;
  }
  @node("hottest") approve(line: string): boolean {
    throw new PauseRun(`publish "${line}"?`);
  }
  @node("hottest", "approve") publish(line: string, isApproved: boolean): void {
    console.log(`publish: ${isApproved ? line : "nothing"}`);
  }
}

const dag = Dag.from(HottestDay);
const [, script, path = join(mkdtempSync(join(tmpdir(), "dagwright-")), "runs.db")] = process.argv;
const store = sqliteStore(path);
// The child process gets the path as its argument. It begins the run and is killed.
if (process.argv.length > 2) await dag.run({ store, inputs: { file: "samples/data/seattle-weather.csv" } });

const { signal } = spawnSync(process.execPath, [...process.execArgv, script, path], { stdio: "inherit" });
console.log(`hottest: killed by ${signal}`);
console.log("recovered:");
const [paused] = await dag.recover({ store });
console.log(`paused: ${paused.pauseReason}`);
console.log("resumed with the answer:");
await dag.resume(paused.runId, { store, provide: { approve: true } });
console.log("replayed from publish on:");
await dag.replay(paused.runId, { store, rerun: ["publish"] });
const { runs, nodes } = await store.stats("hottest-day");
console.log(`${runs.total} runs, load was called ${nodes.get("load")?.completed} time`);
await store.close();
rmSync(join(path, ".."), { recursive: true });
