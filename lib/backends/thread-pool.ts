import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import type { Piscina } from "piscina";
import type { LazyAbort } from "../base/abort.js";
import { checkDuration, checkNumber, checkOptions, checkType } from "../base/check.js";
import type { CallTask, Notice, ProbeTask } from "./thread-protocol.js";

/** The options of a {@link ThreadPool}. */
export interface ThreadPoolOptions {
  /** How many threads there may be. @defaultValue the machine's available parallelism */
  maxWorkers?: number;
  /** How long an idle thread is kept, in ms. @defaultValue 10 000 */
  idleTimeout?: number;
  /** The memory a thread may use, as for Node's `Worker`. @defaultValue Node's own */
  resourceLimits?: {
    readonly maxOldGenerationSizeMb?: number;
    readonly maxYoungGenerationSizeMb?: number;
    readonly codeRangeSizeMb?: number;
    readonly stackSizeMb?: number;
  };
}

const IDLE_TIMEOUT = 10_000;

/** In a checkout the worker's own source has to be translated first. */
export const WORKER_URL = new URL(
  import.meta.url.endsWith(".ts") ? "thread-worker.dev.mjs" : "thread-worker.mjs",
  import.meta.url,
).href;

/** What a task's worker says while it goes on. */
export type NoticeListener = (notice: Notice) => void;

/**
 * Worker threads for nodes, shared by any number of runs. Threads start when they are needed, end when they have been idle
 * for a while, and never keep a process alive on their own.
 *
 * Each thread executes one node at a time, so that ending a node that does not stop by itself, by ending its thread, harms
 * no other.
 */
export class ThreadPool {
  readonly maxWorkers: number;
  private readonly options: ThreadPoolOptions;
  private opening: Promise<Piscina> | undefined;
  private opened: Piscina | undefined;
  private readonly listeners = new Map<number, NoticeListener>();
  private readonly queue = new Set<() => void>();
  private busy = 0;
  private closed = false;

  /** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
  constructor(options: ThreadPoolOptions = {}) {
    checkOptions(options, ["maxWorkers", "idleTimeout", "resourceLimits"], "a ThreadPool");
    checkWorkers(options.maxWorkers);
    checkDuration("idleTimeout", options.idleTimeout);
    checkType("resourceLimits", options.resourceLimits, "object");
    this.options = options;
    this.maxWorkers = options.maxWorkers ?? availableParallelism();
  }

  /**
   * Ends all threads. Nodes that they are executing fail.
   * Later runs with this pool are refused.
   */
  async close(): Promise<void> {
    this.closed = true;
    if (this.opening !== undefined) await (await this.opening).destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @internal */
  get isClosed(): boolean {
    return this.closed;
  }

  /**
   * Executes a task on a thread of its own.
   * @param abort - ends the thread when it aborts
   * @param id - of the notices that go to `onNotice`
   * @internal
   */
  execute(
    task: ProbeTask | CallTask,
    transfer: ArrayBuffer[],
    abort: LazyAbort,
    id = 0,
    onNotice?: NoticeListener,
  ): Promise<unknown> {
    if (onNotice !== undefined) this.listeners.set(id, onNotice);
    const done = () => {
      if (onNotice !== undefined) this.listeners.delete(id);
      this.busy--;
      this.startNext();
    };
    const start = (piscina: Piscina): Promise<unknown> => {
      this.busy++;
      const work = piscina.run(task, { transferList: transfer as never, signal: abort as never }) as Promise<unknown>;
      work.then(done, done);
      return work;
    };
    if (this.opened !== undefined && this.busy < this.maxWorkers) return start(this.opened);
    return this.ready(abort).then(start);
  }

  /** Resolves when the pool is open and a thread is free. */
  private async ready(abort: LazyAbort): Promise<Piscina> {
    const piscina = await (this.opening ??= this.open());
    while (this.busy >= this.maxWorkers && !abort.aborted) await this.turn();
    return piscina;
  }

  private startNext(): void {
    const [next] = this.queue;
    if (next === undefined) return;
    this.queue.delete(next);
    next();
  }

  /** Piscina's own queue forgets tasks that wait when a thread crashes, so that they wait here. */
  private turn(): Promise<void> {
    return new Promise((resolve) => this.queue.add(resolve));
  }

  private async open(): Promise<Piscina> {
    const { Piscina: Pool } = await import("piscina");
    const { idleTimeout = IDLE_TIMEOUT, resourceLimits } = this.options;
    const piscina = new Pool({
      filename: fileURLToPath(WORKER_URL),
      minThreads: 0,
      maxThreads: this.maxWorkers,
      idleTimeout,
      resourceLimits,
      concurrentTasksPerWorker: 1,
      recordTiming: false,
    });
    piscina.on("message", (notice: Notice) => this.listeners.get(notice.id)?.(notice));
    // A thread that fails while it executes nothing: whatever its module left behind. The next task gets a new one.
    piscina.on("error", (error: unknown) => {
      process.emitWarning(`A worker thread failed while it was idle: ${String(error)}`, "DagwrightWorkerWarning");
    });
    this.opened = piscina;
    return piscina;
  }
}

/** @throws {TypeError} | {RangeError} unless it is undefined or a whole number from 1 */
export function checkWorkers(maxWorkers: unknown): void {
  checkNumber("maxWorkers", maxWorkers, { min: 1, max: 1024, integer: true });
}

const defaults = new Map<number, ThreadPool>();

/** The pool of this size that runs without a pool of their own share. */
export function defaultPool(maxWorkers = availableParallelism()): ThreadPool {
  let pool = defaults.get(maxWorkers);
  if (pool === undefined) defaults.set(maxWorkers, (pool = new ThreadPool({ maxWorkers })));
  return pool;
}
