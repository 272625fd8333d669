import type { LazyAbort } from "../../base/abort.js";
import { brand } from "../../base/brand.js";
import { cores } from "../../base/cores.js";
import { messageOf } from "../../base/message.js";
import { warn } from "../../base/warning.js";
import { Job } from "./job.js";
import { poolOptions, type ThreadPoolOptions } from "./pool-options.js";
import { faultIn, noticeIn } from "./thread-answers.js";
import { GivenUp, LateStart, StartFault } from "./thread-faults.js";
import type { CallTask, LeftBehind, Notice, ProbeTask } from "./thread-protocol.js";
import { WorkerThread, type ThreadOptions, type ThreadOwner } from "./worker-thread.js";

const WARNING = "DagwrightWorkerWarning";
/** How long a pool makes do with the threads it has after one could not start, in ms. */
const START_PAUSE = 1000;
/** How long nobody waits again for threads after all were late to start, in ms. */
const LATE_PAUSE = 60_000;

/**
 * Worker threads for nodes, shared by any number of runs. Threads start when they are needed, end when they have been idle
 * for a while, and never keep a process alive on their own.
 *
 * Each thread executes one node at a time, so that ending a node that does not stop by itself, by ending its thread, harms
 * no other. There are never more threads than `maxWorkers`, those that are starting or ending included. When one can't
 * start, the pool makes do with the others; when there are none, whoever waits is told at once.
 *
 * A thread in native code, as in `pbkdf2Sync` or `execSync`, ends only when that returns. Until then it keeps its place: nodes
 * wait for it, and a process warning says which node it was that is stuck there.
 */
export class ThreadPool {
  static {
    brand(this, "ThreadPool");
  }

  readonly maxWorkers: number;
  private readonly options: ThreadOptions;
  /** All that take a place: starting, ready or ending. */
  private readonly threads = new Set<WorkerThread>();
  /** The jobs that wait for a thread, in the order in which they came. */
  private line = new Set<Job>();
  /** Until when no thread is started beside others, by `performance.now()`. */
  private pausedUntil = 0;
  /** Until when nobody waits for a start, after all were late. */
  private late: { readonly cause: LateStart; readonly until: number } | undefined = undefined;
  private closed = false;
  private readonly owner: ThreadOwner = {
    ready: (thread) => (thread.job === undefined ? this.freed(thread) : this.begin(thread, thread.job)),
    spoiled: (thread, remains) => this.spoiled(thread, remains),
    noticed: ({ job }, message) => noticed(job as Job, message),
    answered: (thread, answer) => this.answered(thread, thread.job as Job, answer),
    unsent: (thread, error) => this.unsent(thread, thread.job as Job, error),
    lost: (thread, cause) => this.lost(thread, cause),
    stuck: (thread) => this.stuck(thread),
    gone: (thread) => this.gone(thread),
  };

  /** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
  constructor(options: ThreadPoolOptions = {}) {
    const { maxWorkers, thread } = poolOptions(options);
    this.maxWorkers = maxWorkers;
    this.options = thread;
  }

  /**
   * Ends all threads. Nodes that they are executing fail. Later runs with this pool are refused.
   * @returns a promise that resolves when the threads have ended, but for those stuck in native code, which a process warning
   *   names: Node waits for these before the process ends
   */
  async close(): Promise<void> {
    this.closed = true;
    const { line } = this;
    const jobs = Array.from(this.threads).flatMap(({ job }) => job ?? []);
    for (const thread of this.threads) {
      thread.job = undefined;
      thread.end();
    }
    this.line = new Set();
    for (const job of [...jobs, ...line]) job.reject(closed());
    await Promise.all(Array.from(this.threads, ({ over }) => over));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @internal */
  get isClosed(): boolean {
    return this.closed;
  }

  /**
   * Whether threads have shown that they can start: one is there.
   * @internal
   */
  get isUp(): boolean {
    return this.some(({ isReady }) => isReady);
  }

  /**
   * Executes a task on a thread of its own.
   * @param abort - ends the thread when it aborts
   * @param onNotice - hears what the worker says while the task goes on
   * @returns what the worker answers; rejects with {@link StartFault} when none could start, {@link ThreadExit} when it
   *   exited, {@link GivenUp} when `abort` aborted, otherwise with what ended the worker or can't be cloned
   * @internal
   */
  execute(
    task: ProbeTask | CallTask,
    transfer: ArrayBuffer[],
    abort: LazyAbort,
    onNotice?: (notice: Notice) => void,
  ): Promise<unknown> {
    const job = new Job(task, transfer, abort, onNotice);
    if (this.admits(job, abort)) this.place(job);
    return job.outcome;
  }

  private admits(job: Job, abort: LazyAbort): boolean {
    if (this.closed) job.reject(closed());
    else if (abort.aborted) job.reject(new GivenUp());
    else abort.once("abort", () => this.giveUp(job));
    return !job.isSettled;
  }

  private giveUp(job: Job): void {
    this.line.delete(job);
    for (const thread of this.threads) {
      if (thread.job !== job) continue;
      thread.job = undefined;
      if (job.isBegun) thread.end();
      else this.freed(thread);
    }
    job.reject(new GivenUp());
  }

  // --- who gets which thread ---

  private place(job: Job): void {
    this.line.add(job);
    this.advance();
  }

  /** Gives those who wait what there is: a thread that has nothing to do, or a new one. */
  private advance(): void {
    if (this.late !== undefined && performance.now() < this.late.until && !this.some(() => true))
      return this.refuse(undefined, this.late.cause);
    while (this.line.size > 0) {
      const thread = this.free();
      if (thread === undefined && !this.mayStart) return;
      const [job] = this.line;
      this.line.delete(job);
      if (thread === undefined) this.start(job);
      else this.hand(thread, job);
    }
  }

  /** A thread without a job, if possible one that has started. */
  private free(): WorkerThread | undefined {
    let starting: WorkerThread | undefined;
    for (const thread of this.threads) {
      if (thread.job !== undefined || thread.isEnding) continue;
      if (thread.isReady) return thread;
      starting ??= thread;
    }
    return starting;
  }

  private get mayStart(): boolean {
    if (this.threads.size >= this.maxWorkers) return false;
    return this.pausedUntil === 0 || !this.some(() => true) || performance.now() >= this.pausedUntil;
  }

  /** Whether it is true of a thread that may get jobs. */
  private some(is: (thread: WorkerThread) => boolean): boolean {
    for (const thread of this.threads) if (!thread.isEnding && is(thread)) return true;
    return false;
  }

  private start(job: Job): void {
    let thread: WorkerThread;
    try {
      thread = new WorkerThread(this.owner, this.options);
    } catch (error) {
      return this.notStarted(job, error);
    }
    this.threads.add(thread);
    thread.job = job;
  }

  private hand(thread: WorkerThread, job: Job): void {
    thread.job = job;
    if (thread.isReady) this.begin(thread, job);
  }

  private begin(thread: WorkerThread, job: Job): void {
    job.isBegun = true;
    thread.post(job);
  }

  /** A thread has no job any more: the next one is whoever waits, for a thread or for its start. */
  private freed(thread: WorkerThread): void {
    if (thread.isSpoiled) return thread.end();
    const [next = thread.isReady ? this.unstarted() : undefined] = this.line;
    if (next === undefined) return thread.rest();
    this.line.delete(next);
    this.hand(thread, next);
  }

  /** A job taken from a thread that is still starting. */
  private unstarted(): Job | undefined {
    for (const thread of this.threads) {
      const { job } = thread;
      if (job === undefined || job.isBegun) continue;
      thread.job = undefined;
      thread.rest();
      return job;
    }
    return undefined;
  }

  // --- what threads say ---

  private answered(thread: WorkerThread, job: Job, answer: unknown): void {
    thread.job = undefined;
    const fault = faultIn(job.task, answer);
    if (fault !== undefined) {
      // Whatever is broken there, the next job gets another thread.
      thread.end();
      return job.reject(fault);
    }
    this.freed(thread);
    job.resolve(answer);
  }

  private unsent(thread: WorkerThread, job: Job, error: unknown): void {
    thread.job = undefined;
    this.freed(thread);
    job.reject(error);
  }

  private spoiled(thread: WorkerThread, { leftBehind, by }: LeftBehind): void {
    const message =
      `What ${by} had left behind on its thread failed when the node was over: ${leftBehind}. ` +
      `Await it in the node, or catch its errors.`;
    warn(message, WARNING);
    thread.isSpoiled = true;
    if (thread.job === undefined) thread.end();
  }

  private lost(thread: WorkerThread, cause: unknown): void {
    const { job } = thread;
    thread.job = undefined;
    if (!thread.isReady) this.notStarted(job, cause);
    else if (job !== undefined) job.reject(cause);
    // Whatever its modules left behind. The next task gets a new one.
    else warn(`A worker thread failed while it was idle: ${messageOf(cause)}`, WARNING);
  }

  private stuck({ subject }: WorkerThread): void {
    const message =
      `A worker thread was told to end, but is stuck in native code; the last it had to do was ${subject}. ` +
      `Its place, one of ${this.maxWorkers} in its pool, is free when it ends.`;
    warn(message, WARNING);
  }

  private gone(thread: WorkerThread): void {
    this.threads.delete(thread);
    this.advance();
  }

  /** @param job - which it was started for; undefined when that does not wait any more */
  private notStarted(job: Job | undefined, cause: unknown): void {
    if (this.some(() => true)) {
      if (job !== undefined) this.line = new Set([job, ...this.line]);
      this.pausedUntil = performance.now() + START_PAUSE;
      setTimeout(() => this.advance(), START_PAUSE).unref();
      const message = `A worker thread could not start; its pool makes do with others: ${messageOf(cause)}`;
      if (this.isUp) warn(message, WARNING);
      this.advance();
    } else {
      if (cause instanceof LateStart) this.late = { cause, until: performance.now() + LATE_PAUSE };
      this.refuse(job, cause);
    }
  }

  /** There is no thread, and none to come. */
  private refuse(job: Job | undefined, cause: unknown): void {
    const { line } = this;
    this.line = new Set();
    for (const each of job === undefined ? line : [job, ...line]) each.reject(new StartFault(cause));
  }
}

function noticed(job: Job, message: unknown): void {
  const notice = noticeIn(message);
  if (notice !== undefined) job.onNotice?.(notice);
}

function closed(): Error {
  return new Error("its pool was closed");
}

const defaults = new Map<number, ThreadPool>();

/** The pool of this size that runs without a pool of their own share. */
export function defaultPool(maxWorkers = cores()): ThreadPool {
  let pool = defaults.get(maxWorkers);
  if (pool === undefined) defaults.set(maxWorkers, (pool = new ThreadPool({ maxWorkers })));
  return pool;
}
