import type { MessagePort, Worker } from "node:worker_threads";
import { IMPORT_TIMEOUT, failedImport, lateImport } from "./placement.js";
import { StartFault } from "./thread-pool.js";
import { isProbeAnswer } from "./thread-answers.js";
import type { ProbeAnswer, ProbeTask } from "./thread-protocol.js";
import { WORKER_URL } from "./worker-thread.js";

/** How often is looked whether the worker still lives, in ms. */
const LOOK = 20;

const SCRIPT = `
const { workerData: { worker, probe, port, done } } = require("node:worker_threads");
import(worker)
  .then((module) => module.default(probe))
  .then((answer) => port.postMessage({ answer }), (error) => port.postMessage({ problem: String(error) }))
  .finally(() => { Atomics.store(done, 0, 1); Atomics.notify(done, 0); });
`;

/** Asks a worker of its own, and blocks until it answers. */
export function askSync(probe: ProbeTask): ProbeAnswer | string {
  const { MessageChannel, Worker } = process.getBuiltinModule("node:worker_threads");
  const { port1, port2 }: { port1: MessagePort; port2: MessagePort } = new MessageChannel();
  const done = new Int32Array(new SharedArrayBuffer(4));
  let worker: Worker;
  try {
    worker = new Worker(SCRIPT, {
      eval: true,
      workerData: { worker: WORKER_URL.href, probe, port: port2, done },
      transferList: [port2],
    });
  } catch (error) {
    return failedImport(new StartFault(error));
  }
  // Said by what is returned, and nobody is to hear of it twice.
  worker.on("error", () => {});
  worker.unref();
  const received = waitFor(port1, done);
  void worker.terminate();
  if (received === "late") return lateImport(probe);
  if (received === "ended") return failedImport(new Error("the worker ended"));
  if ("problem" in received) return failedImport(received.problem);
  const { answer } = received;
  return isProbeAnswer(answer, probe.nodes.length) ? answer : failedImport(new Error("its answer can't be read"));
}

/** The first message that comes through a port. Does without the event loop, so that it takes a trick to see a worker end. */
function waitFor(
  first: MessagePort,
  done: Int32Array,
): { readonly answer: unknown } | { readonly problem: unknown } | "late" | "ended" {
  const { receiveMessageOnPort } = process.getBuiltinModule("node:worker_threads");
  let port = first;
  for (const end = performance.now() + IMPORT_TIMEOUT; performance.now() < end;) {
    Atomics.wait(done, 0, 0, LOOK);
    const received = receiveMessageOnPort(port);
    try {
      // Reading closes a port whose other side is gone, and what is closed can't be moved.
      port = structuredClone(port, { transfer: [port] });
    } catch {
      return (received?.message as { answer: unknown }) ?? "ended";
    }
    if (received === undefined) continue;
    port.close();
    return received.message as { answer: unknown };
  }
  port.close();
  return "late";
}
