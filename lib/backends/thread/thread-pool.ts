import type { LazyAbort } from "../../base/abort.js";
import { brand } from "../../base/brand.js";
import { cores } from "../../base/cores.js";
import { messageOf } from "../../base/message.js";
import { outside } from "../../base/outside-work.js";
import { warn } from "../../base/warning.js";
import { PendingTask } from "./pending-task.js";
import { poolOptions, type ThreadPoolOptions } from "./pool-options.js";
import { StartError, StartTimeout, TaskAborted } from "./thread-errors.js";
import type { ThreadTrips } from "./trips.js";
import type { CallTask, ProbeTask, StrayError, TaskMessage } from "./thread-protocol.js";
import { problemWith, taskMessageIn } from "./worker-messages.js";
import { WorkerThread, type ThreadListener, type ThreadOptions } from "./worker-thread.js";

const WARNING = "DagwrightWorkerWarning";
/** How long a pool waits, after a thread failed to start, before it starts another, in ms. */
const START_PAUSE = 1000;
/** How long a pool without threads waits, after a thread did not start in time, before it starts another, in ms. */
const TIMEOUT_PAUSE = 60_000;

/**
 * Worker threads for nodes, shared by any number of runs. Threads start when they are needed, end when they have been
 * idle for a while, and never keep the process alive.
 *
 * Each thread executes one node at a time, so ending the thread of a node that does not stop harms no other node. There
 * are never more threads than `maxWorkers`, including starting and ending ones. When a thread can't start, the pool
 * continues with the others; if there are none, all waiting tasks fail at once.
 *
 * A thread in native code, such as `pbkdf2Sync` or `execSync`, ends only when the call returns. Until then it counts
 * towards `maxWorkers`, and a process warning names the node in which it is stuck.
 */
export class ThreadPool {
  static {
    brand(this, "ThreadPool");
  }

  /** The maximum number of threads: the option, or its default. */
  readonly maxWorkers: number;
  private readonly options: ThreadOptions;
  /** Threads that are starting, ready or ending. */
  private readonly threads = new Set<WorkerThread>();
  /** Tasks waiting for a thread, first in, first out. */
  private queue = new Set<PendingTask>();
  /** The trips of maps under way. */
  private readonly trips = new Set<ThreadTrips>();
  /** When threads may be started again, by `performance.now()`. */
  private pausedUntil = 0;
  /** Why and until when a pool without threads starts none. */
  private timedOut: { readonly cause: StartTimeout; readonly until: number } | undefined = undefined;
  private closed = false;
  private readonly listener: ThreadListener = {
    ready: (thread) => (thread.task === undefined ? this.freed(thread) : this.send(thread, thread.task)),
    messaged: ({ task }, message) => pass(task as PendingTask, message),
    wentOn: (thread, answer) => this.wentOn(thread, thread.task as PendingTask, answer),
    answered: (thread, answer) => this.answered(thread, thread.task as PendingTask, answer),
    unsent: (thread, error) => this.unsent(thread, thread.task as PendingTask, error),
    strayError: (thread, error) => this.strayError(thread, error),
    lost: (thread, cause) => this.lost(thread, cause),
    stuck: (thread) => this.stuck(thread),
    exited: (thread) => this.exited(thread),
  };

  /** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
  constructor(options: ThreadPoolOptions = {}) {
    const { maxWorkers, thread } = poolOptions(options);
    this.maxWorkers = maxWorkers;
    this.options = thread;
  }

  /**
   * Ends all threads. The nodes that they execute fail. Later runs with this pool are refused.
   * @returns a promise that resolves when all threads have ended, except those stuck in native code, which a process
   *   warning names: Node waits for these before the process ends
   */
  async close(): Promise<void> {
    this.closed = true;
    const { queue } = this;
    const executing = Array.from(this.threads).flatMap((thread) => [thread.task ?? [], thread.takeAhead()].flat());
    const waiting = this.takeWaiting();
    for (const thread of this.threads) {
      thread.task = undefined;
      thread.end();
    }
    this.queue = new Set();
    for (const task of [...executing, ...queue, ...waiting]) task.reject(poolClosed());
    await Promise.all(Array.from(this.threads, ({ ended }) => ended));
  }

  /** Closes the pool at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @internal */
  get isClosed(): boolean {
    return this.closed;
  }

  /**
   * Whether threads are known to start, because one is ready.
   * @internal
   */
  get isUp(): boolean {
    return this.hasThread(({ isReady }) => isReady);
  }

  /**
   * Executes a task on a thread.
   * @param abort - ends the thread when it aborts
   * @param onMessage - receives the worker's messages during the task
   * @param trips - those that it may go with
   * @returns the worker's answer; rejects with {@link StartError} when no thread could start, {@link WorkerExit} when
   *   it exited, {@link TaskAborted} when `abort` aborted, otherwise with the error that ended the worker or the task's
   *   cloning
   * @internal
   */
  execute(
    task: ProbeTask | CallTask,
    transfer: ArrayBuffer[],
    abort: LazyAbort,
    onMessage?: (message: TaskMessage) => void,
    trips?: ThreadTrips,
  ): Promise<unknown> {
    const pending = new PendingTask(task, transfer, abort, onMessage, trips);
    if (this.closed) pending.reject(poolClosed());
    else if (abort.aborted) pending.reject(new TaskAborted());
    else {
      abort.once("abort", () => this.abort(pending));
      if (trips !== undefined) this.trips.add(trips);
      if (trips === undefined || trips.leads(pending)) this.queue.add(pending);
      this.dispatch();
    }
    return outside(pending.answer);
  }

  private abort(task: PendingTask): void {
    const isQueued = this.queue.delete(task);
    const thread = this.threadOf(task);
    if (thread !== undefined && task.isSent) this.stop(thread, task);
    else if (thread !== undefined) {
      thread.task = undefined;
      this.endTrip(task);
      this.freed(thread);
    } else if (isQueued) this.endTrip(task);
    else task.trips?.drop(task);
    task.reject(new TaskAborted());
  }

  private threadOf(task: PendingTask): WorkerThread | undefined {
    for (const thread of this.threads) if (thread.task === task) return thread;
    return undefined;
  }

  /** Ends a thread, whose task is no longer wanted. The other calls of the same message go to another thread. */
  private stop(thread: WorkerThread, task: PendingTask): void {
    thread.task = undefined;
    task.trips?.takeBack(thread.takeAhead());
    thread.end();
    this.endTrip(task);
  }

  /** The trip that a task leads, or is on, is over: the next one may begin. */
  private endTrip({ trips }: PendingTask): void {
    if (trips === undefined) return;
    for (const leader of trips.ended()) this.queue.add(leader);
    if (trips.isIdle) this.trips.delete(trips);
    // When more is aborted at the same time, that is not sent first.
    else queueMicrotask(() => this.dispatch());
  }

  /** Takes the calls that wait for trips. */
  private takeWaiting(): PendingTask[] {
    const waiting = Array.from(this.trips).flatMap((trips) => trips.takeAll());
    this.trips.clear();
    return waiting;
  }

  // --- which thread executes which task ---

  /** Assigns waiting tasks to idle threads, or to new ones. */
  private dispatch(): void {
    if (this.timedOut !== undefined && performance.now() < this.timedOut.until && !this.hasThread())
      return this.failAll(undefined, this.timedOut.cause);
    while (this.queue.size > 0) {
      const thread = this.idleThread();
      if (thread === undefined && !this.mayStart) return;
      const [task] = this.queue;
      this.queue.delete(task);
      if (thread === undefined) this.start(task);
      else this.assign(thread, task);
    }
  }

  private assign(thread: WorkerThread, task: PendingTask): void {
    thread.task = task;
    if (thread.isReady) this.send(thread, task);
  }

  /** Sends a thread its task, with others that go along. */
  private send(thread: WorkerThread, task: PendingTask): void {
    thread.send(task, task.trips?.companions(task, this.maxWorkers) ?? []);
  }

  /** A thread without a task, if possible one that is ready. */
  private idleThread(): WorkerThread | undefined {
    let starting: WorkerThread | undefined;
    for (const thread of this.threads) {
      if (thread.task !== undefined || thread.isEnding) continue;
      if (thread.isReady) return thread;
      starting ??= thread;
    }
    return starting;
  }

  private get mayStart(): boolean {
    if (this.threads.size >= this.maxWorkers) return false;
    return this.pausedUntil === 0 || !this.hasThread() || performance.now() >= this.pausedUntil;
  }

  /** Whether there is a thread that takes tasks. */
  private hasThread(matches: (thread: WorkerThread) => boolean = () => true): boolean {
    for (const thread of this.threads) if (!thread.isEnding && matches(thread)) return true;
    return false;
  }

  private start(task: PendingTask): void {
    let thread: WorkerThread;
    try {
      thread = new WorkerThread(this.listener, this.options);
    } catch (error) {
      return this.startFailed(task, error);
    }
    this.threads.add(thread);
    thread.task = task;
  }

  /** Gives a thread without a task a waiting one, or one from a thread that is still starting. */
  private freed(thread: WorkerThread): void {
    if (thread.isTainted) return thread.end();
    const [next = thread.isReady ? this.reclaim() : undefined] = this.queue;
    if (next === undefined) return thread.idle();
    this.queue.delete(next);
    this.assign(thread, next);
  }

  /** Takes a task back from a thread that is still starting. */
  private reclaim(): PendingTask | undefined {
    for (const thread of this.threads) {
      const { task } = thread;
      if (task === undefined || task.isSent) continue;
      thread.task = undefined;
      thread.idle();
      return task;
    }
    return undefined;
  }

  // --- what happens to threads ---

  private wentOn(thread: WorkerThread, task: PendingTask, answer: unknown): void {
    const problem = problemWith(task.task, answer);
    if (problem !== undefined) {
      this.stop(thread, task);
      return task.reject(problem);
    }
    thread.next();
    const next = thread.task as unknown as PendingTask;
    // It was aborted before its turn, and may never end.
    if (next.isSettled) this.stop(thread, next);
    task.resolve(answer);
  }

  private answered(thread: WorkerThread, task: PendingTask, answer: unknown): void {
    thread.task = undefined;
    const problem = problemWith(task.task, answer);
    if (problem !== undefined) {
      thread.end();
      this.endTrip(task);
      return task.reject(problem);
    }
    task.trips?.took(thread.calls, performance.now() - thread.sentAt);
    this.endTrip(task);
    this.freed(thread);
    task.resolve(answer);
  }

  private unsent(thread: WorkerThread, task: PendingTask, error: unknown): void {
    thread.task = undefined;
    const others = thread.takeAhead();
    if (others.length > 0) {
      const all = [task, ...others];
      for (const each of all) each.travelAlone();
      task.trips?.takeBack(all);
    }
    this.endTrip(task);
    this.freed(thread);
    if (others.length === 0) task.reject(error);
  }

  private strayError(thread: WorkerThread, { strayError, by }: StrayError): void {
    const message =
      `Code that ${by} left running failed after the node had finished: ${strayError}. ` +
      `Await it in the node, or catch its errors.`;
    warn(message, WARNING);
    thread.isTainted = true;
    if (thread.task === undefined) thread.end();
  }

  private lost(thread: WorkerThread, cause: unknown): void {
    const { task } = thread;
    thread.task = undefined;
    if (!thread.isReady) this.startFailed(task, cause);
    else if (task !== undefined) {
      task.trips?.takeBack(thread.takeAhead());
      this.endTrip(task);
      task.reject(cause);
    } else warn(`A worker thread failed while it was idle: ${messageOf(cause)}`, WARNING);
  }

  private stuck({ subject }: WorkerThread): void {
    const message =
      `A worker thread does not end because it is stuck in native code; its last task was ${subject}. ` +
      `Until it ends, it counts as one of the ${this.maxWorkers} threads of its pool.`;
    warn(message, WARNING);
  }

  private exited(thread: WorkerThread): void {
    this.threads.delete(thread);
    this.dispatch();
  }

  /** @param task - the task that the thread was started for, unless it was aborted */
  private startFailed(task: PendingTask | undefined, cause: unknown): void {
    if (this.hasThread()) {
      if (task !== undefined) this.queue = new Set([task, ...this.queue]);
      this.pausedUntil = performance.now() + START_PAUSE;
      setTimeout(() => this.dispatch(), START_PAUSE).unref();
      const message = `A worker thread could not start; its pool goes on with the others: ${messageOf(cause)}`;
      if (this.isUp) warn(message, WARNING);
      this.dispatch();
    } else {
      if (cause instanceof StartTimeout) this.timedOut = { cause, until: performance.now() + TIMEOUT_PAUSE };
      this.failAll(task, cause);
    }
  }

  /** Fails all tasks: there is no thread, and none can start. */
  private failAll(task: PendingTask | undefined, cause: unknown): void {
    const tasks = [...(task === undefined ? [] : [task]), ...this.queue, ...this.takeWaiting()];
    this.queue = new Set();
    for (const each of tasks) each.reject(new StartError(cause));
  }
}

/** Passes a worker's message on, unless it is malformed. */
function pass({ onMessage }: PendingTask, message: unknown): void {
  const received = taskMessageIn(message);
  if (received !== undefined) onMessage?.(received);
}

function poolClosed(): Error {
  return new Error("its pool was closed");
}

const defaults = new Map<number, ThreadPool>();

/** The pool of this size, shared by all runs without the option `pool`. */
export function defaultPool(maxWorkers = cores()): ThreadPool {
  let pool = defaults.get(maxWorkers);
  if (pool === undefined) defaults.set(maxWorkers, (pool = new ThreadPool({ maxWorkers })));
  return pool;
}
