import type { MessagePort } from "node:worker_threads";
import { failedImport, IMPORT_TIMEOUT } from "./placement.js";
import { WORKER_URL } from "./thread-pool.js";
import type { ProbeAnswer, ProbeTask } from "./thread-protocol.js";

const SCRIPT = `
const { workerData: { worker, probe, port, done } } = require("node:worker_threads");
import(worker)
  .then((module) => module.default(probe))
  .then((answer) => port.postMessage({ answer }), (error) => port.postMessage({ problem: String(error) }))
  .finally(() => { Atomics.store(done, 0, 1); Atomics.notify(done, 0); });
`;

/** Asks a worker of its own, and blocks until it answers. */
export function askSync(probe: ProbeTask): ProbeAnswer | string {
  const { MessageChannel, receiveMessageOnPort, Worker } = process.getBuiltinModule("node:worker_threads");
  const { port1, port2 }: { port1: MessagePort; port2: MessagePort } = new MessageChannel();
  const done = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(SCRIPT, {
    eval: true,
    workerData: { worker: WORKER_URL, probe, port: port2, done },
    transferList: [port2],
  });
  worker.unref();
  const outcome = Atomics.wait(done, 0, 0, IMPORT_TIMEOUT);
  const received = receiveMessageOnPort(port1)?.message as { answer: ProbeAnswer } | { problem: string } | undefined;
  port1.close();
  void worker.terminate();
  if (received === undefined) return failedImport(outcome === "timed-out" ? "it took too long" : "it did not answer");
  return "answer" in received ? received.answer : failedImport(received.problem);
}
