import type { MessagePort, Worker } from "node:worker_threads";
import { workerUrl } from "../../base/own-files.js";
import { failedImport, IMPORT_TIMEOUT, lateImport } from "./placement.js";
import { isProbeAnswer } from "./thread-answers.js";
import { LateStart, StartFault } from "./thread-faults.js";
import type { ProbeAnswer, ProbeTask } from "./thread-protocol.js";
import { EXIT_TIMEOUT, START_TIMEOUT } from "./worker-thread.js";

/** How often is looked whether the worker still lives, in ms. */
const LOOK = 20;

/** What the worker says: that it has started, and in the end its answer. */
interface Said {
  readonly answer?: unknown;
  readonly problem?: unknown;
}

const SCRIPT = `
const { workerData: { worker, probe, port, count } } = require("node:worker_threads");
const say = (message) => { port.postMessage(message); Atomics.add(count, 0, 1); Atomics.notify(count, 0); };
port.on("close", () => process.exit());
const problem = (error) => say({ problem: String(error?.message ?? error) });
import(worker).then((module) => module.default).then((answer) => {
  say({});
  answer(probe).then((answer) => say({ answer }), problem);
}, problem);
`;

/** Asks a worker of its own, and blocks until it answers. */
export function askSync(probe: ProbeTask): ProbeAnswer | string {
  const { MessageChannel, Worker } = process.getBuiltinModule("node:worker_threads");
  const { port1, port2 } = new MessageChannel();
  const count = new Int32Array(new SharedArrayBuffer(4));
  let worker: Worker;
  try {
    const workerData = { worker: workerUrl(), probe, port: port2, count };
    worker = new Worker(SCRIPT, { argv: process.argv.slice(2), eval: true, workerData, transferList: [port2] });
  } catch (error) {
    return failedImport(new StartFault(error));
  }
  // The answer tells of it.
  worker.on("error", () => {});
  worker.unref();
  const ear = new Ear(port1, count);
  try {
    const started = ear.hear(START_TIMEOUT);
    if (started === undefined)
      return failedImport(new StartFault(ear.isDeaf ? "it ended" : new LateStart(START_TIMEOUT)));
    if ("problem" in started) return failedImport(new StartFault(started.problem));
    const said = ear.hear(IMPORT_TIMEOUT);
    if (said === undefined) return ear.isDeaf ? failedImport("the worker ended") : lateImport(probe);
    if ("problem" in said) return failedImport(said.problem);
    return isProbeAnswer(said.answer, probe.nodes.length) ? said.answer : failedImport("its answer can't be read");
  } finally {
    // Its module may still be executed: see `WorkerThread.end`.
    ear.close();
    setTimeout(() => void worker.terminate(), EXIT_TIMEOUT).unref();
  }
}

/** Hears a worker without the event loop, also that it has ended. */
class Ear {
  /** The worker's end of the port is gone. */
  isDeaf = false;
  private heard = 0;

  constructor(
    private port: MessagePort,
    private readonly count: Int32Array,
  ) {}

  /** What the worker says next; undefined when it says nothing in time, or has ended. @param ms - to wait at most */
  hear(ms: number): Said | undefined {
    const { receiveMessageOnPort } = process.getBuiltinModule("node:worker_threads");
    for (const end = performance.now() + ms; performance.now() < end;) {
      Atomics.wait(this.count, 0, this.heard, LOOK);
      const received = receiveMessageOnPort(this.port);
      if (received !== undefined) {
        this.heard++;
        return received.message as Said;
      }
      // Reading has closed the port if its other end is gone, and what is closed can't be moved.
      try {
        this.port = structuredClone(this.port, { transfer: [this.port] });
      } catch {
        this.isDeaf = true;
        return undefined;
      }
    }
    return undefined;
  }

  close(): void {
    this.port.close();
  }
}
