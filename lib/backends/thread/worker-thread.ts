import type { MessagePort } from "node:worker_threads";
import type * as library from "piscina";
import { cores } from "../../base/cores.js";
import { deferred } from "../../base/deferred.js";
import { messageOf } from "../../base/message.js";
import { load, ownFolder, workerUrl } from "../../base/own-files.js";
import { setImmediate } from "../../base/event-loop.js";
import type { PendingTask } from "./pending-task.js";
import { BrokenWorker, MALFORMED, StartTimeout, WorkerExit } from "./thread-errors.js";
import {
  addressOf,
  nodeOf,
  READY,
  subjectOf,
  type Address,
  type Handshake,
  type StrayError,
} from "./thread-protocol.js";
import { answerIn, loadedIn, problemIn, strayErrorIn } from "./worker-messages.js";

/** How long a thread may take to start, in ms. */
export const START_TIMEOUT = 10_000;
/** How long a thread that may be importing a module gets to end itself, in ms. */
export const EXIT_TIMEOUT = 2000;
/** How often a terminated thread is checked for its exit, in ms. */
const CHECK_INTERVAL = 100;
/**
 * The number of checks after which a thread counts as stuck: JavaScript stops at once. A check counts less while the
 * processors are busy.
 */
const CHECKS = 10;
/** The number of checks after which a thread counts as stuck, however busy the processors are. */
const MOST_CHECKS = 100;

/** Threads that were terminated and have not exited. */
const terminated = new Set<WorkerThread>();

/** What a thread reports to its pool. */
export interface ThreadListener {
  /** It has started. */
  ready(thread: WorkerThread): void;
  /** It sent a message during its task. */
  messaged(thread: WorkerThread, message: unknown): void;
  /** It answered a call, and goes on with the next one of its trip. */
  wentOn(thread: WorkerThread, answer: unknown): void;
  /** It answered its task, or the last call of its trip. */
  answered(thread: WorkerThread, answer: unknown): void;
  /** Its task, or trip, could not be sent to it. */
  unsent(thread: WorkerThread, error: unknown): void;
  /** Code that a finished task left running failed: the thread should get no more tasks. */
  strayError(thread: WorkerThread, error: StrayError): void;
  /** It ended unexpectedly. */
  lost(thread: WorkerThread, cause: unknown): void;
  /** It was terminated but does not exit: it is in native code, which nothing can interrupt. */
  stuck(thread: WorkerThread): void;
  /** It has exited: nothing is executed on it any more. */
  exited(thread: WorkerThread): void;
}

export interface ThreadOptions {
  /** In ms. */
  readonly idleTimeout: number;
  readonly resourceLimits: object | undefined;
}

/**
 * A worker thread, which executes one task at a time: a piscina of one.
 *
 * Its piscina starts no second thread and never has a second task, so all its reports concern this thread and its
 * task. Messages during a task use a separate port, which user code in the worker can't reach; anything that user code
 * posts to its parent is ignored.
 */
export class WorkerThread {
  /** The task that it executes. */
  task: PendingTask | undefined = undefined;
  /** The calls of its trip that it executes after that, the next one last. */
  private ahead: PendingTask[] = [];
  /** Whether the task was sent together with others. */
  private isOnTrip = false;
  /** When its task was sent, by `performance.now()`, and with how many calls in all. */
  sentAt = 0;
  calls = 0;
  isReady = false;
  /** Whether it ends after its task. */
  isTainted = false;
  /** Whether it gets no more tasks. */
  isEnding = false;
  private readonly piscina: library.Piscina;
  private readonly port: MessagePort;
  private readonly ending = deferred();
  private hasExited = false;
  private endTimer: NodeJS.Timeout | undefined = undefined;
  private readonly startTimer: NodeJS.Timeout;
  private idleTimer: NodeJS.Timeout | undefined = undefined;
  /** The workflow of its latest task. */
  private address: Address | undefined = undefined;
  private node: string | undefined = undefined;
  /** The modules of its tasks: whether each is loaded. */
  private readonly modules = new Map<string, boolean>();
  /** The number of modules that are not loaded. */
  private loading = 0;

  /** @throws what Node throws when it can't start a thread at all */
  constructor(
    private readonly listener: ThreadListener,
    private readonly options: ThreadOptions,
  ) {
    this.piscina = piscinaOfOne(options);
    const { MessageChannel } = process.getBuiltinModule("node:worker_threads");
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    let handshake: Promise<unknown>;
    try {
      handshake = this.piscina.run({ port: port2 } satisfies Handshake, { transferList: [port2] });
    } catch (error) {
      port1.close();
      throw error;
    }
    handshake.then((answer) => this.started(answer), this.failed);
    port1.on("message", (message) => this.received(message));
    port1.on("messageerror", this.unreadable);
    port1.unref();
    // An answer without a task.
    this.piscina.on("error", () => this.lose(new BrokenWorker(MALFORMED)));
    // Before piscina's own listeners, which fail the task.
    const [worker] = this.piscina.threads;
    worker.prependListener("error", (error) => {
      this.receiveAll();
      this.lose(error);
    });
    worker.prependListener("exit", (code) => {
      this.receiveAll();
      this.lose(new WorkerExit(code));
      this.exited();
    });
    let isLoaded = false;
    this.piscina.once("workerCreate", (created: PiscinaWorker) => {
      isLoaded = true;
      portOf(created)?.on("messageerror", this.unreadable);
    });
    const timeOut = () => !isLoaded && this.lose(new StartTimeout(START_TIMEOUT));
    // A busy main thread reads messages that arrived in time before the timer counts.
    this.startTimer = setTimeout(() => setImmediate(timeOut), START_TIMEOUT).unref();
  }

  /** Resolves when it has exited, or is known to be stuck. */
  get ended(): Promise<void> {
    return this.ending.promise;
  }

  /** Its latest task in words. */
  get subject(): string {
    return this.address === undefined ? "its start" : subjectOf(this.address, this.node);
  }

  /** Sends the thread its task. @param others - the other calls of its trip, in order */
  send(pending: PendingTask, others: readonly PendingTask[]): void {
    const { task, transfer } = pending;
    this.ahead = others.toReversed();
    this.isOnTrip = others.length > 0;
    this.sentAt = performance.now();
    this.calls = others.length + 1;
    pending.isSent = true;
    for (const each of others) each.isSent = true;
    this.address = addressOf(task);
    this.node = nodeOf(task);
    const [module] = this.address;
    if (!this.modules.has(module)) {
      this.modules.set(module, false);
      this.loading++;
    }
    const message = this.isOnTrip ? { calls: [pending, ...others].map((each) => each.task) } : task;
    this.piscina.run(message, { transferList: transfer }).then(this.answered, this.failed);
  }

  /** Turns to the next call of its trip. */
  next(): void {
    this.task = this.ahead.pop();
  }

  /** Takes back the calls that it was sent and has not begun, in order. */
  takeAhead(): PendingTask[] {
    const ahead = this.ahead.reverse();
    this.ahead = [];
    for (const each of ahead) each.isSent = false;
    return ahead.filter(({ isSettled }) => !isSettled);
  }

  /** Ends the thread unless it gets a task within the idle timeout. */
  idle(): void {
    if (!this.isReady) return;
    const expire = () => this.task === undefined && this.end();
    if (this.idleTimer === undefined) this.idleTimer = setTimeout(expire, this.options.idleTimeout).unref();
    else this.idleTimer.refresh();
  }

  /**
   * Ends the thread, whatever it executes. While it imports modules, it is asked to end itself first: terminating a
   * thread just as it enters a module can crash the process.
   * @see https://github.com/denoland/rusty_v8/issues/830
   */
  end(): void {
    if (this.isEnding) return;
    this.isEnding = true;
    clearTimeout(this.startTimer);
    clearTimeout(this.idleTimer);
    this.port.close();
    if (this.isReady && this.loading === 0) this.terminate();
    else this.endTimer = setTimeout(() => this.terminate(), EXIT_TIMEOUT);
  }

  private terminate(): void {
    if (this.hasExited || terminated.has(this)) return;
    clearTimeout(this.endTimer);
    terminated.add(this);
    this.checkExit(performance.now(), 0, 0);
    void this.piscina.destroy();
  }

  /** @param counted - how many of the `checks` made so far count */
  private checkExit(last: number, checks: number, counted: number): void {
    const check = () => {
      if (this.hasExited) return;
      const now = performance.now();
      // Whatever delays this thread also delays that one's exit, and so do other exiting threads.
      const isLate = now - last > 1.5 * CHECK_INTERVAL;
      const count = counted + (isLate ? 0 : Math.min(1, cores() / terminated.size));
      if (count < CHECKS && checks + 1 < MOST_CHECKS) return this.checkExit(now, checks + 1, count);
      terminated.delete(this);
      this.listener.stuck(this);
      this.ending.resolve();
    };
    // Its exit event may have arrived without having been read.
    this.endTimer = setTimeout(() => setImmediate(check), CHECK_INTERVAL).unref();
  }

  private exited(): void {
    this.hasExited = true;
    terminated.delete(this);
    clearTimeout(this.endTimer);
    void this.piscina.destroy();
    this.listener.exited(this);
    this.ending.resolve();
  }

  private started(answer: unknown): void {
    if (this.isEnding) return this.terminate();
    if (answer !== READY) return this.lose(new BrokenWorker(MALFORMED));
    this.isReady = true;
    clearTimeout(this.startTimer);
    this.listener.ready(this);
  }

  private readonly answered = (answer: unknown): void => {
    if (this.isEnding) return;
    // Messages use another port: those sent before the answer may not have been received.
    if (this.task?.onMessage !== undefined || this.isOnTrip) this.receiveAll();
    if (this.isEnding) return;
    if (this.ahead.length > 0) this.lose(new BrokenWorker(MALFORMED));
    else this.listener.answered(this, answer);
  };

  private readonly failed = (error: unknown): void => {
    if (this.isEnding) return;
    if (this.isReady) this.listener.unsent(this, error);
    else this.lose(error);
  };

  private readonly unreadable = (error: unknown): void => {
    this.lose(new BrokenWorker(`its message can't be read: ${messageOf(error)}`));
  };

  private received(message: unknown): void {
    if (this.isEnding) return;
    const problem = problemIn(message);
    const loaded = loadedIn(message);
    const strayError = strayErrorIn(message);
    const answer = answerIn(message);
    if (problem !== undefined) this.lose(problem);
    else if (loaded !== undefined) this.loaded(loaded);
    else if (strayError !== undefined) this.listener.strayError(this, strayError);
    else if (answer !== undefined) this.wentOn(answer.answer);
    else if (this.task !== undefined) this.listener.messaged(this, message);
  }

  private wentOn(answer: unknown): void {
    if (this.ahead.length > 0) this.listener.wentOn(this, answer);
    else this.lose(new BrokenWorker(MALFORMED));
  }

  private loaded(module: string): void {
    if (this.modules.get(module) !== false) return;
    this.modules.set(module, true);
    this.loading--;
  }

  private receiveAll(): void {
    const { receiveMessageOnPort } = process.getBuiltinModule("node:worker_threads");
    while (!this.isEnding) {
      let next: { message: unknown } | undefined;
      try {
        next = receiveMessageOnPort(this.port);
      } catch (error) {
        return this.unreadable(error);
      }
      if (next === undefined) return;
      this.received(next.message);
    }
  }

  private lose(cause: unknown): void {
    if (this.isEnding) return;
    this.end();
    this.listener.lost(this, cause);
  }
}

/** A new worker, as piscina emits it. Piscina keeps its data about the worker under a symbol. */
type PiscinaWorker = Readonly<Record<symbol, { readonly port?: MessagePort } | undefined>>;

/**
 * The port on which piscina receives answers. It ignores those that can't be read, whose tasks would wait forever.
 * Undefined in a piscina that keeps the port elsewhere.
 */
function portOf(worker: PiscinaWorker): MessagePort | undefined {
  return Object.getOwnPropertySymbols(worker).flatMap((symbol) => worker[symbol]?.port ?? [])[0];
}

function piscinaOfOne({ resourceLimits }: ThreadOptions): library.Piscina {
  const filename = workerUrl();
  // Loaded when the first thread is needed.
  const { Piscina } = load("piscina", ownFolder()) as typeof library;
  return new Piscina({
    filename,
    // Piscina neither replaces a thread that ended nor ends an idle one.
    minThreads: 0,
    maxThreads: 1,
    idleTimeout: Infinity,
    // The thread gets one task at a time; with room for two, piscina does not report being full at every task.
    concurrentTasksPerWorker: 2,
    recordTiming: false,
    resourceLimits,
    // Modules may read the command line.
    argv: process.argv.slice(2),
  });
}
