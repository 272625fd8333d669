import type { MessagePort, Worker } from "node:worker_threads";
import { workerUrl } from "../../base/own-files.js";
import { importFailed, IMPORT_TIMEOUT, importTimedOut } from "./placement.js";
import { StartError, StartTimeout } from "./thread-errors.js";
import type { ProbeAnswer, ProbeTask } from "./thread-protocol.js";
import { isProbeAnswer } from "./worker-messages.js";
import { EXIT_TIMEOUT, START_TIMEOUT } from "./worker-thread.js";

/** How often the worker is checked for its exit, in ms. */
const CHECK_INTERVAL = 20;

/** A message of the worker: an empty one when it has started, then its answer. */
interface Message {
  readonly answer?: unknown;
  readonly problem?: unknown;
}

const SCRIPT = `
const { workerData: { worker, probe, port, count } } = require("node:worker_threads");
const send = (message) => { port.postMessage(message); Atomics.add(count, 0, 1); Atomics.notify(count, 0); };
port.on("close", () => process.exit());
const fail = (error) => send({ problem: String(error?.message ?? error) });
import(worker).then((module) => module.default).then((handle) => {
  send({});
  handle(probe).then((answer) => send({ answer }), fail);
}, fail);
`;

/** Asks a dedicated worker which nodes it finds. Blocks until it answers. */
export function probeSync(probe: ProbeTask): ProbeAnswer | string {
  const { MessageChannel, Worker } = process.getBuiltinModule("node:worker_threads");
  const { port1, port2 } = new MessageChannel();
  const count = new Int32Array(new SharedArrayBuffer(4));
  let worker: Worker;
  try {
    const workerData = { worker: workerUrl(), probe, port: port2, count };
    worker = new Worker(SCRIPT, { argv: process.argv.slice(2), eval: true, workerData, transferList: [port2] });
  } catch (error) {
    return importFailed(new StartError(error));
  }
  // Errors are reported by its messages.
  worker.on("error", () => {});
  worker.unref();
  const receiver = new BlockingReceiver(port1, count);
  try {
    const started = receiver.next(START_TIMEOUT);
    if (started === undefined)
      return importFailed(new StartError(receiver.isClosed ? "it ended" : new StartTimeout(START_TIMEOUT)));
    if ("problem" in started) return importFailed(new StartError(started.problem));
    const message = receiver.next(IMPORT_TIMEOUT);
    if (message === undefined) return receiver.isClosed ? importFailed("the worker ended") : importTimedOut(probe);
    if ("problem" in message) return importFailed(message.problem);
    return isProbeAnswer(message.answer, probe.nodes.length) ? message.answer : importFailed("its answer is malformed");
  } finally {
    // It may be importing a module: see `WorkerThread.end`.
    receiver.close();
    setTimeout(() => void worker.terminate(), EXIT_TIMEOUT).unref();
  }
}

/** Receives a worker's messages without the event loop, and notices its exit. */
class BlockingReceiver {
  /** Whether the worker's end of the port is closed. */
  isClosed = false;
  private received = 0;

  constructor(
    private port: MessagePort,
    /** The number of messages sent. */
    private readonly count: Int32Array,
  ) {}

  /** The next message; undefined when none arrives within `ms`, or the worker has ended. */
  next(ms: number): Message | undefined {
    const { receiveMessageOnPort } = process.getBuiltinModule("node:worker_threads");
    for (const end = performance.now() + ms; performance.now() < end;) {
      Atomics.wait(this.count, 0, this.received, CHECK_INTERVAL);
      const next = receiveMessageOnPort(this.port);
      if (next !== undefined) {
        this.received++;
        return next.message as Message;
      }
      // Reading closes a port whose other end is closed, and a closed port can't be transferred.
      try {
        this.port = structuredClone(this.port, { transfer: [this.port] });
      } catch {
        this.isClosed = true;
        return undefined;
      }
    }
    return undefined;
  }

  close(): void {
    this.port.close();
  }
}
