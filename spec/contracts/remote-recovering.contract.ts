import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { SqlStore } from "dagwright/store";
import { bundled } from "../support/bundled.js";
import { placedOn } from "../support/placed.js";
import type { DriverOptions } from "../support/remote-driver.js";
import { gated } from "../support/remote-workflows.js";
import { type Broker, countJobs, queueName, useRemote } from "../support/remoted.js";
import { until } from "../support/waiting.js";

const workerScript = bundled("remote-worker");
const driverScript = bundled("remote-driver");
const LEASE = 1500;

/** A store that processes can share. */
export interface SharedStore {
  /** What it is opened by elsewhere. */
  readonly database: string;
  readonly store: SqlStore;
}

/** What holds for a recorded run whose driver dies. @param name - of the broker, for titles */
export function remoteRecoveringContract(name: string, broker: Broker, shared: () => SharedStore): void {
  const processes: ChildProcess[] = [];
  const folders: string[] = [];
  afterEach(() => {
    for (const child of processes.splice(0)) child.kill("SIGKILL");
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });
  const start = (script: string, options: object) => {
    const args = ["--no-warnings", script, JSON.stringify(options)];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    processes.push(child);
    return child;
  };
  const scene = async (runId: string) => {
    const folder = mkdtempSync(join(tmpdir(), "dagwright-remote-"));
    folders.push(folder);
    const file = join(folder, "ledger");
    writeFileSync(file, "");
    const queue = queueName();
    const worker = start(workerScript, { ...broker, queue, lease: LEASE });
    await once(worker.stdout as NodeJS.ReadableStream, "data");
    const { database, store } = shared();
    const driver = start(driverScript, { ...broker, queue, database, runId, file, lease: LEASE } as DriverOptions);
    const lines = () => readFileSync(file, "utf8").split("\n").slice(0, -1);
    await until(() => lines().length === 1);
    driver.kill("SIGKILL");
    await once(driver, "exit");
    const backend = useRemote({ ...broker, queue, lease: LEASE });
    const dag = placedOn(gated, (node) => (node === "gated" ? backend : "inline"));
    const resume = async () => {
      await until(async () => (await store.getRun(runId))?.status !== "running" || (await isFree(store, runId)));
      return dag.resume(runId, { store, mode: "hybrid" });
    };
    return { backend, queue, lines, store, worker, open: () => writeFileSync(`${file}.open`, ""), resume };
  };

  describe(`Recorded runs with remote nodes through ${name}`, () => {
    it("go on with a result that has come while nobody drove them", async () => {
      const runId = `late-${Math.random()}`;
      const { backend, queue, lines, open, resume } = await scene(runId);
      open();
      await until(() => lines().length === 2);
      const run = await resume();
      expect(run.get("after")).toBe("through and after");
      expect(lines()).toEqual([`begun ${runId}/gated`, `ended ${runId}/gated`]);
      await backend.close();
      expect(await countJobs(broker, queue)).toBe(0);
    });

    it("wait for a node that a worker still executes, and enqueue nothing twice", async () => {
      const runId = `going-${Math.random()}`;
      const { backend, queue, lines, open, resume } = await scene(runId);
      const resumed = resume();
      await new Promise((resolve) => setTimeout(resolve, 2 * LEASE));
      open();
      const run = await resumed;
      expect(run.get("after")).toBe("through and after");
      expect(lines()).toEqual([`begun ${runId}/gated`, `ended ${runId}/gated`]);
      await backend.close();
      expect(await countJobs(broker, queue)).toBe(0);
    });
  });
}

/** Whether no driver holds a run any longer. */
async function isFree(store: SqlStore, runId: string): Promise<boolean> {
  const { free } = await store.recoverable("gated", "dag");
  return free.includes(runId);
}
