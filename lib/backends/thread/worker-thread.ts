import type { MessagePort } from "node:worker_threads";
import type * as library from "piscina";
import { cores } from "../../base/cores.js";
import { deferred } from "../../base/deferred.js";
import { messageOf } from "../../base/message.js";
import { load, ownFolder, workerUrl } from "../../base/own-files.js";
import { setImmediate } from "../../base/event-loop.js";
import type { Job } from "./job.js";
import { leftBehindIn, loadedIn, problemIn } from "./thread-answers.js";
import { BrokenThread, LateStart, ThreadExit, UNREADABLE } from "./thread-faults.js";
import {
  addressOf,
  nodeOf,
  READY,
  subjectOf,
  type Address,
  type Greeting,
  type LeftBehind,
} from "./thread-protocol.js";

/** How long a thread may take to start, in ms. */
export const START_TIMEOUT = 10_000;
/** How long a thread that may be importing a module gets to end itself, in ms. */
export const EXIT_TIMEOUT = 500;
/** How often is looked whether a thread that is terminated has ended, in ms. */
const END_LOOK = 100;
/**
 * After so many looks in vain it counts as stuck: JavaScript stops at once. Where the processors are busy, a look
 * counts less.
 */
const END_LOOKS = 10;
/** After so many it does in any case. */
const MOST_END_LOOKS = 100;

/** The threads that have been terminated, and may end any moment. */
const terminated = new Set<WorkerThread>();

/** What a thread tells the pool that it belongs to. */
export interface ThreadOwner {
  /** It has started. */
  ready(thread: WorkerThread): void;
  /** What a job of it had left behind failed: it should get no more jobs. */
  spoiled(thread: WorkerThread, remains: LeftBehind): void;
  /** It said something while it had a job. */
  noticed(thread: WorkerThread, message: unknown): void;
  /** It answered its job. */
  answered(thread: WorkerThread, message: unknown): void;
  /** Its job could not be sent to it. */
  unsent(thread: WorkerThread, error: unknown): void;
  /** It ends without having been told to. */
  lost(thread: WorkerThread, cause: unknown): void;
  /** It has been terminated, but does not end: it is in native code, which nothing can interrupt. */
  stuck(thread: WorkerThread): void;
  /** It has ended: nothing is executed on it any more. */
  gone(thread: WorkerThread): void;
}

export interface ThreadOptions {
  /** In ms. */
  readonly idleTimeout: number;
  readonly resourceLimits: object | undefined;
}

/**
 * A worker thread, which has one job at a time: a piscina of one.
 *
 * Its piscina starts no second thread, and never has more than the one task, so that whatever it reports concerns this
 * thread and its job. Notices take a port of their own, which code of users in the worker can't reach: whatever that
 * posts to its parent is heard by nobody.
 */
export class WorkerThread {
  job: Job | undefined = undefined;
  isReady = false;
  /** It ends when it has no job any more. */
  isSpoiled = false;
  /** It gets no more jobs. */
  isEnding = false;
  private readonly piscina: library.Piscina;
  private readonly port: MessagePort;
  private readonly ending = deferred();
  private hasExited = false;
  private endTimer: NodeJS.Timeout | undefined = undefined;
  private readonly startTimer: NodeJS.Timeout;
  private idleTimer: NodeJS.Timeout | undefined = undefined;
  /** Of the task that it got last. */
  private address: Address | undefined = undefined;
  private node: string | undefined = undefined;
  /** Modules that its tasks need: whether each is loaded. */
  private readonly modules = new Map<string, boolean>();
  /** How many of them are not. */
  private loading = 0;

  /** @throws what Node throws when it can't start a thread at all */
  constructor(
    private readonly owner: ThreadOwner,
    private readonly options: ThreadOptions,
  ) {
    this.piscina = piscinaOfOne(options);
    const { MessageChannel } = process.getBuiltinModule("node:worker_threads");
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    let greeted: Promise<unknown>;
    try {
      greeted = this.piscina.run({ port: port2 } satisfies Greeting, { transferList: [port2] });
    } catch (error) {
      port1.close();
      throw error;
    }
    greeted.then((answer) => this.greeted(answer), this.failed);
    port1.on("message", (message) => this.heard(message));
    port1.on("messageerror", this.unread);
    port1.unref();
    // It answered what it was not asked.
    this.piscina.on("error", () => this.lose(new BrokenThread(UNREADABLE)));
    // Before piscina hears of it, which would then fail the task.
    const [worker] = this.piscina.threads;
    worker.prependListener("error", (error) => {
      this.catchUp();
      this.lose(error);
    });
    worker.prependListener("exit", (code) => {
      this.catchUp();
      this.lose(new ThreadExit(code));
      this.exited();
    });
    let isLoaded = false;
    this.piscina.once("workerCreate", (created: PiscinaWorker) => {
      isLoaded = true;
      portOf(created)?.on("messageerror", this.unread);
    });
    const isLate = () => !isLoaded && this.lose(new LateStart(START_TIMEOUT));
    // It is this thread that was late when the worker's word is there by now, but was not read yet.
    this.startTimer = setTimeout(() => setImmediate(isLate), START_TIMEOUT).unref();
  }

  /** Settles when it has ended, or is known to be stuck. */
  get over(): Promise<void> {
    return this.ending.promise;
  }

  /** What it had to do last, in words. */
  get subject(): string {
    return this.address === undefined ? "its start" : subjectOf(this.address, this.node);
  }

  /** Sends its job to the worker. */
  post({ task, transfer }: Job): void {
    this.address = addressOf(task);
    this.node = nodeOf(task);
    const [module] = this.address;
    if (!this.modules.has(module)) {
      this.modules.set(module, false);
      this.loading++;
    }
    this.piscina.run(task, { transferList: transfer }).then(this.answered, this.failed);
  }

  /** It has nothing to do: it ends unless it gets a job in time. */
  rest(): void {
    if (!this.isReady) return;
    const isIdle = () => this.job === undefined && this.end();
    if (this.idleTimer === undefined) this.idleTimer = setTimeout(isIdle, this.options.idleTimeout).unref();
    else this.idleTimer.refresh();
  }

  /**
   * Ends the thread, whatever it is doing. While it imports modules, it is to end itself, if it can: a thread that is
   * terminated at the moment at which it enters one can crash the whole process.
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
    this.lookForEnd(performance.now(), 0, 0);
    void this.piscina.destroy();
  }

  private lookForEnd(last: number, looks: number, counted: number): void {
    const look = () => {
      if (this.hasExited) return;
      const now = performance.now();
      // What makes this thread late keeps that one from ending, and so do others that end.
      const isLate = now - last > 1.5 * END_LOOK;
      const count = counted + (isLate ? 0 : Math.min(1, cores() / terminated.size));
      if (count < END_LOOKS && looks + 1 < MOST_END_LOOKS) return this.lookForEnd(now, looks + 1, count);
      terminated.delete(this);
      this.owner.stuck(this);
      this.ending.resolve();
    };
    // It may have ended by then, without that having been read.
    this.endTimer = setTimeout(() => setImmediate(look), END_LOOK).unref();
  }

  private exited(): void {
    this.hasExited = true;
    terminated.delete(this);
    clearTimeout(this.endTimer);
    void this.piscina.destroy();
    this.owner.gone(this);
    this.ending.resolve();
  }

  private greeted(answer: unknown): void {
    if (this.isEnding) return this.terminate();
    if (answer !== READY) return this.lose(new BrokenThread(UNREADABLE));
    this.isReady = true;
    clearTimeout(this.startTimer);
    this.owner.ready(this);
  }

  private readonly answered = (answer: unknown): void => {
    if (this.isEnding) return;
    // Notices take another way: what was said before the answer may not have been heard yet.
    if (this.job?.onNotice !== undefined) this.catchUp();
    this.owner.answered(this, answer);
  };

  private readonly failed = (error: unknown): void => {
    if (this.isEnding) return;
    if (this.isReady) this.owner.unsent(this, error);
    else this.lose(error);
  };

  private readonly unread = (error: unknown): void => {
    this.lose(new BrokenThread(`what it said can't be read: ${messageOf(error)}`));
  };

  private heard(message: unknown): void {
    if (this.isEnding) return;
    const problem = problemIn(message);
    const loaded = loadedIn(message);
    const remains = leftBehindIn(message);
    if (problem !== undefined) this.lose(problem);
    else if (loaded !== undefined) this.loaded(loaded);
    else if (remains !== undefined) this.owner.spoiled(this, remains);
    else if (this.job !== undefined) this.owner.noticed(this, message);
  }

  private loaded(module: string): void {
    if (this.modules.get(module) !== false) return;
    this.modules.set(module, true);
    this.loading--;
  }

  private catchUp(): void {
    const { receiveMessageOnPort } = process.getBuiltinModule("node:worker_threads");
    while (!this.isEnding) {
      let received: { message: unknown } | undefined;
      try {
        received = receiveMessageOnPort(this.port);
      } catch (error) {
        return this.unread(error);
      }
      if (received === undefined) return;
      this.heard(received.message);
    }
  }

  private lose(cause: unknown): void {
    if (this.isEnding) return;
    this.end();
    this.owner.lost(this, cause);
  }
}

/** What piscina tells of a worker: under a symbol, what it knows itself of it. */
type PiscinaWorker = Readonly<Record<symbol, { readonly port?: MessagePort } | undefined>>;

/**
 * Where piscina listens for answers, but not for those that can't be read: their tasks would wait for ever. Undefined
 * where another piscina keeps it elsewhere.
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
    // No thread takes the place of one that has ended, and none is ended because it is idle.
    minThreads: 0,
    maxThreads: 1,
    idleTimeout: Infinity,
    // None gets a second task: but with room for one, piscina need not say at every task that it is full.
    concurrentTasksPerWorker: 2,
    recordTiming: false,
    resourceLimits,
    // What modules read of the command line is there in workers, too.
    argv: process.argv.slice(2),
  });
}
