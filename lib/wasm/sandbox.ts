import type { Worker } from "node:worker_threads";
import { workerUrl } from "../base/own-files.js";
import { CALLED, READY, type SandboxAnswer, type SandboxCall } from "./wasm-protocol.js";

/** How long a thread without a call lives, in ms. */
const IDLE = 10_000;

/** How a call ended that gave no answer. */
export type Interruption = "slow start" | "slow" | "aborted" | "lost";

/** Thrown for a call that gave no answer. */
export class Interrupted extends Error {
  constructor(
    readonly how: Interruption,
    cause?: unknown,
  ) {
    super(how, { cause });
  }
}

/** Threads that make calls of sandboxed instances, one at a time each. They end when nobody needs them, and never keep the process. */
export class Sandbox {
  private readonly idle: SandboxThread[] = [];
  private readonly all = new Set<SandboxThread>();
  private isClosed = false;

  /** @param timeout - in ms, from when its thread has it. @throws {Interrupted} */
  async call(call: SandboxCall, timeout: number, signal: AbortSignal, transfer: ArrayBuffer[]): Promise<SandboxAnswer> {
    if (this.isClosed) throw new Interrupted("lost", new Error("the backend is closed"));
    const thread = this.idle.pop() ?? this.started();
    try {
      const answer = await thread.call(call, timeout, signal, transfer);
      if (!this.isClosed) this.idle.push(thread);
      return answer;
    } catch (error) {
      this.all.delete(thread);
      void thread.end();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await Promise.all(Array.from(this.all, (thread) => thread.end()));
  }

  private started(): SandboxThread {
    const thread = new SandboxThread(() => {
      this.all.delete(thread);
      const at = this.idle.indexOf(thread);
      if (at >= 0) this.idle.splice(at, 1);
    });
    this.all.add(thread);
    return thread;
  }
}

class SandboxThread {
  private readonly worker: Worker;
  private readonly ready: Promise<unknown>;
  private idleTimer: NodeJS.Timeout | undefined;
  /** Ends the call in progress. */
  private fail: ((error: Interrupted) => void) | undefined;
  private receive: ((message: unknown) => void) | undefined;

  /** @param onEnd - called when it can make no more calls */
  constructor(private readonly onEnd: () => void) {
    const { Worker } = process.getBuiltinModule("node:worker_threads");
    // Nothing of the environment is of use in a sandbox.
    this.worker = new Worker(new URL(workerUrl("wasm")), { env: {}, execArgv: [], stdout: true, stderr: true });
    // Its first message says that it is ready.
    this.ready = new Promise((resolve) => this.worker.once("message", resolve));
    this.worker.on("message", (message) => this.receive?.(message));
    this.worker.on("error", (error) => this.lost(error));
    this.worker.on("exit", () => this.lost(new Error("its thread has ended")));
  }

  async call(call: SandboxCall, timeout: number, signal: AbortSignal, transfer: ArrayBuffer[]): Promise<SandboxAnswer> {
    clearTimeout(this.idleTimer);
    this.worker.ref();
    const aborted = () => this.fail?.(new Interrupted("aborted", signal.reason));
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<SandboxAnswer>((resolve, reject) => {
        let isCalled = false;
        this.fail = reject;
        signal.addEventListener("abort", aborted);
        if (signal.aborted) return aborted();
        this.receive = (message) => {
          if (message === CALLED) isCalled = true;
          else if (message !== READY) resolve(message as SandboxAnswer);
        };
        const late = () => reject(new Interrupted(isCalled ? "slow" : "slow start"));
        void this.ready.then(() => {
          if (this.fail !== reject) return;
          // An answer that has arrived but has not been read is in time.
          timer = setTimeout(() => setImmediate(late), timeout);
          this.worker.postMessage(call, transfer);
        });
      });
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", aborted);
      this.fail = this.receive = undefined;
      this.worker.unref();
      this.idleTimer = setTimeout(() => void this.end(), IDLE).unref();
    }
  }

  async end(): Promise<void> {
    clearTimeout(this.idleTimer);
    this.onEnd();
    await this.worker.terminate();
  }

  private lost(cause: unknown): void {
    this.onEnd();
    this.fail?.(new Interrupted("lost", cause));
  }
}
