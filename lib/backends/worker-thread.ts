import type { MessagePort, Worker } from "node:worker_threads";
import { setImmediate } from "../base/turn.js";
import type { Job } from "./job.js";
import { LateStart, ThreadExit } from "./thread-faults.js";
import { ANSWERED, ASKED, COUNTS, READY, type Line } from "./thread-protocol.js";

/** How long a thread may take to start, in ms. */
export const START_TIMEOUT = 10_000;
/** How long a thread that was ended keeps its place, in ms: one that is stuck in native code may never end. */
const END_TIMEOUT = 1000;

/** In a checkout the worker's own source has to be translated first. */
export const WORKER_URL = new URL(
  import.meta.url.endsWith(".ts") ? "thread-worker.dev.mjs" : "thread-worker.mjs",
  import.meta.url,
);

/** What a thread tells the pool that it belongs to. */
export interface ThreadOwner {
  /** It has started. */
  ready(thread: WorkerThread): void;
  /** It said something while it had a job: a notice or the job's answer. */
  said(thread: WorkerThread, message: unknown): void;
  /** It ends without having been told to. */
  lost(thread: WorkerThread, cause: unknown): void;
  /** Nothing is executed on it any more. */
  gone(thread: WorkerThread): void;
  /** It has received a message, so that others may have some too. */
  receivePending(): void;
}

export interface ThreadOptions {
  /** In ms. */
  readonly idleTimeout: number;
  readonly resourceLimits: object | undefined;
}

/**
 * A worker thread, which has one job at a time.
 *
 * A thread with nothing to do waits on shared memory, which wakes it sooner than its event loop would. Both sides talk
 * through a port that code of users in the worker can't reach: whatever that posts to its parent is heard by nobody.
 */
export class WorkerThread {
  job: Job | undefined = undefined;
  isReady = false;
  /** It gets no more jobs. */
  isEnding = false;
  /** Settles when it has ended. */
  readonly ended: Promise<void>;
  private readonly worker: Worker;
  private readonly port: MessagePort;
  private readonly counts = new Int32Array(new SharedArrayBuffer(COUNTS * Int32Array.BYTES_PER_ELEMENT));
  private heard = 0;
  private readonly startTimer: NodeJS.Timeout;
  private idleTimer: NodeJS.Timeout | undefined = undefined;

  /** @throws what Node throws when it can't start a thread at all */
  constructor(
    private readonly owner: ThreadOwner,
    private readonly options: ThreadOptions,
  ) {
    const threads = process.getBuiltinModule("node:worker_threads");
    this.worker = new threads.Worker(WORKER_URL, { resourceLimits: options.resourceLimits });
    const { port1, port2 } = new threads.MessageChannel();
    this.port = port1;
    this.worker.postMessage({ port: port2, counts: this.counts } satisfies Line, [port2]);
    port1.on("message", (message) => {
      this.receive(message);
      owner.receivePending();
    });
    port1.on("messageerror", (error) => this.lose(error));
    this.worker.on("error", (error) => this.lose(error));
    this.ended = new Promise((resolve) => {
      this.worker.on("exit", (code) => {
        this.receivePending();
        this.lose(new ThreadExit(code));
        owner.gone(this);
        resolve();
      });
    });
    port1.unref();
    const isLate = () => !this.isReady && this.lose(new LateStart(START_TIMEOUT));
    // It is this thread that was late when the worker's word is there by now, but was not read yet.
    this.startTimer = setTimeout(() => setImmediate(isLate), START_TIMEOUT).unref();
  }

  /** Hands its job to the worker. @throws {DOMException} DataCloneError */
  post({ task, transfer }: Job): void {
    this.port.postMessage(task, transfer);
    Atomics.add(this.counts, ASKED, 1);
    Atomics.notify(this.counts, ASKED, 1);
  }

  /** From now on the process waits for it, as it does for a new thread. */
  ref(): void {
    this.worker.ref();
  }

  /** It has nothing to do: it ends unless it gets a job in time, and keeps no process alive. */
  rest(): void {
    this.worker.unref();
    if (!this.isReady) return;
    const isIdle = () => this.job === undefined && this.end();
    if (this.idleTimer === undefined) this.idleTimer = setTimeout(isIdle, this.options.idleTimeout).unref();
    else this.idleTimer.refresh();
  }

  /** Reads what the worker has said already: that is quicker than events. */
  receivePending(): void {
    const answered = Atomics.load(this.counts, ANSWERED);
    if (answered === this.heard || this.isEnding) return;
    this.heard = answered;
    const { receiveMessageOnPort } = process.getBuiltinModule("node:worker_threads");
    for (;;) {
      let received: { message: unknown } | undefined;
      try {
        received = receiveMessageOnPort(this.port);
      } catch (error) {
        return this.lose(error);
      }
      if (received === undefined) return;
      this.receive(received.message);
    }
  }

  /** Ends the thread, whatever it is doing. */
  end(): void {
    if (this.isEnding) return;
    this.isEnding = true;
    clearTimeout(this.startTimer);
    clearTimeout(this.idleTimer);
    this.port.close();
    this.worker.ref();
    void this.worker.terminate();
    const timer = setTimeout(() => this.owner.gone(this), END_TIMEOUT).unref();
    void this.ended.then(() => clearTimeout(timer));
  }

  private receive(message: unknown): void {
    if (this.isEnding) return;
    if (this.isReady) {
      if (this.job !== undefined) this.owner.said(this, message);
    } else if (message === READY) {
      this.isReady = true;
      clearTimeout(this.startTimer);
      this.owner.ready(this);
    }
  }

  private lose(cause: unknown): void {
    if (this.isEnding) return;
    this.end();
    this.owner.lost(this, cause);
  }
}
