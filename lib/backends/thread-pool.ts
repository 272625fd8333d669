import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import type { Piscina } from "piscina";
import { LazyAbort } from "../base/abort.js";
import { LONGEST_TIMER } from "../base/alarm.js";
import { checkDuration, checkNumber, checkOptions, checkType } from "../base/check.js";
import { messageOf } from "../base/message.js";
import { StandingTask } from "./standing-task.js";
import { STANDING, type CallTask, type Notice, type ProbeTask } from "./thread-protocol.js";

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

type LoadBalancer = NonNullable<NonNullable<ConstructorParameters<typeof Piscina>[0]>["loadBalancer"]>;

/** A task that no thread is to have. */
const NOBODYS = Symbol("nobody's");

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
  /** Who waits for a thread, in the order in which they came. */
  private readonly line = new Set<() => void>();
  /** Those that no thread has begun with. */
  private readonly standing = new Set<StandingTask>();
  /** What piscina shows us a standing task by. */
  private mark: symbol = NOBODYS;
  private busy = 0;
  private closed = false;

  /** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
  constructor(options: ThreadPoolOptions = {}) {
    checkOptions(options, ["maxWorkers", "idleTimeout", "resourceLimits"], "a ThreadPool");
    checkWorkers(options.maxWorkers);
    checkDuration("idleTimeout", options.idleTimeout, 0, LONGEST_TIMER);
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
    for (const begin of this.line) begin();
    this.line.clear();
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
    const start = (piscina: Piscina): Promise<unknown> => {
      if (this.busy >= this.maxWorkers && !this.closed) return this.inLine(() => start(piscina));
      if (onNotice !== undefined) this.listeners.set(id, onNotice);
      this.busy++;
      const work = this.hand(piscina, task, transfer, abort);
      const done = (isCrash: boolean) => {
        if (onNotice !== undefined) this.listeners.delete(id);
        this.done(isCrash);
      };
      work.then(
        () => done(false),
        () => done(true),
      );
      return work;
    };
    return this.opened === undefined ? (this.opening ??= this.open()).then(start) : start(this.opened);
  }

  /**
   * Whether a task may stand by: all threads are busy, and nobody waits for one.
   * @internal
   */
  get isStandByUseful(): boolean {
    const isBusy = this.opened !== undefined && this.busy >= this.maxWorkers;
    return isBusy && this.line.size === 0 && this.standing.size < this.maxWorkers;
  }

  /**
   * Lets a task stand by.
   * @param abort - withdraws it, or ends the thread that has it
   * @internal
   */
  standBy([address, node, inputs]: CallTask, abort: LazyAbort): StandingTask {
    const standing = new StandingTask(() => this.execute([address, node, inputs], [], abort));
    this.standing.add(standing);
    const task = [address, node, inputs, STANDING] as unknown[] & Record<symbol, StandingTask>;
    task[this.mark] = standing;
    const over = (isCrash: boolean) => {
      this.standing.delete(standing);
      if (standing.isBegun) this.done(isCrash);
    };
    this.hand(this.opened as Piscina, task, [], abort).then(
      (answer) => {
        over(false);
        standing.answered(answer);
      },
      (error) => {
        over(true);
        standing.failed(error);
      },
    );
    return standing;
  }

  private hand(piscina: Piscina, task: unknown, transfer: ArrayBuffer[], abort: LazyAbort): Promise<unknown> {
    if (this.closed) return Promise.reject(new Error("its pool was closed"));
    return piscina.run(task, { transferList: transfer as never, signal: abort as never }) as Promise<unknown>;
  }

  /** Piscina's own queue forgets tasks that wait when a thread crashes, so that they wait here. */
  private inLine(start: () => Promise<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => this.line.add(() => void start().then(resolve, reject)));
  }

  /** A thread is free, unless it has begun with a task that stood by. @param isCrash - it is no more */
  private done(isCrash: boolean): void {
    this.busy--;
    const [next] = this.line;
    if (next !== undefined && this.busy < this.maxWorkers) {
      this.line.delete(next);
      next();
    } else if (isCrash && this.standing.size > 0) this.replaceThread();
  }

  /** Piscina begins no thread for tasks that wait already, but for a new one; that one is given up at once. */
  private replaceThread(): void {
    const abort = new LazyAbort();
    this.hand(this.opened as Piscina, { [this.mark]: NOBODYS }, [], abort).catch(() => {});
    abort.abort(undefined);
  }

  /** The thread for a task, by piscina's rules: null when none is free. */
  private readonly assign: LoadBalancer = (task, workers) => {
    const standing = (task as unknown as Record<symbol, unknown>)[this.mark];
    if (standing === NOBODYS) return null;
    const free = workers.find(({ currentUsage }) => currentUsage === 0);
    if (free !== undefined && standing instanceof StandingTask) {
      standing.isBegun = true;
      this.standing.delete(standing);
      this.busy++;
    }
    return free ?? null;
  };

  private async open(): Promise<Piscina> {
    const { Piscina: Pool, queueOptionsSymbol } = await import("piscina");
    this.mark = queueOptionsSymbol;
    const { idleTimeout = IDLE_TIMEOUT, resourceLimits } = this.options;
    const piscina = new Pool({
      filename: fileURLToPath(WORKER_URL),
      minThreads: 0,
      maxThreads: this.maxWorkers,
      idleTimeout,
      resourceLimits,
      concurrentTasksPerWorker: 1,
      recordTiming: false,
      loadBalancer: this.assign,
    });
    piscina.on("message", (notice: Notice) => this.listeners.get(notice.id)?.(notice));
    // A thread that fails while it executes nothing: whatever its module left behind. The next task gets a new one.
    piscina.on("error", (error: unknown) => {
      // The answer of a thread that was ended at that moment.
      if (/^Unexpected message from Worker/u.test(messageOf(error))) return;
      process.emitWarning(`A worker thread failed while it was idle: ${messageOf(error)}`, "DagwrightWorkerWarning");
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
