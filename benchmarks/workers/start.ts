import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Place } from "./bare-bullmq.js";
import type { DagName } from "./dags.js";

/** What a worker executes. */
export interface WorkerProcess {
  readonly place: Place;
  /** Undefined for a bare worker of BullMQ. */
  readonly dags?: readonly DagName[];
  readonly concurrency: number;
}

/**
 * Starts a process that executes nodes. Resolves when it takes them.
 * @returns a function that ends it
 */
export async function startWorker(what: WorkerProcess): Promise<() => Promise<void>> {
  const child = fork(fileURLToPath(new URL("process.js", import.meta.url)), [JSON.stringify(what)], { execArgv: [] });
  const [message] = (await Promise.race([once(child, "message"), once(child, "exit")])) as [unknown];
  if (message !== "ready") throw new Error("A worker has not started.");
  return async () => {
    const ended = once(child, "exit");
    child.kill();
    await ended;
  };
}
