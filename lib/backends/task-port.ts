/** In a worker: takes tasks from the pool, one at a time, and answers them. */
import type { Writable } from "node:stream";
import { parentPort, receiveMessageOnPort, type MessagePort } from "node:worker_threads";
import { messageOf } from "../base/message.js";
import {
  ANSWERED,
  ASKED,
  READY,
  type CallTask,
  type Line,
  type Notice,
  type ProbeTask,
  type Problem,
} from "./thread-protocol.js";

/** One task, while it goes on. */
export interface Turn {
  /** Tells the pool something. What a task has left behind tells nothing: its thread may have another by then. */
  notify(notice: Notice): void;
  /** The buffers that move with the answer instead of being copied. */
  moved: ArrayBuffer[];
}

/** Executes a task; gives its answer, or a promise of it. */
export type Execute = (task: ProbeTask | CallTask, turn: Turn) => unknown;

/** Executes what the pool asks for, from now on. */
export function serve(execute: Execute): void {
  parentPort?.once("message", (line: Line) => new TaskPort(line, execute));
}

class TaskPort {
  private readonly port: MessagePort;
  private readonly counts: Int32Array;
  private isBusy = false;
  private heard = 0;

  constructor(
    { port, counts }: Line,
    private readonly execute: Execute,
  ) {
    this.port = port;
    this.counts = counts;
    port.on("message", (task: ProbeTask | CallTask) => void this.handle(task));
    port.postMessage(READY);
    this.wait();
  }

  private async handle(task: ProbeTask | CallTask): Promise<void> {
    this.isBusy = true;
    let isOver = false;
    const turn: Turn = { notify: (notice) => isOver || this.port.postMessage(notice), moved: [] };
    let answer: unknown;
    try {
      answer = await this.execute(task, turn);
    } catch (error) {
      answer = { problem: messageOf(error) } satisfies Problem;
    }
    isOver = true;
    // While the thread waits, nothing is written.
    if (process.stdout.writableLength > 0) await written(process.stdout);
    if (process.stderr.writableLength > 0) await written(process.stderr);
    this.answer(answer, turn.moved);
    this.isBusy = false;
    Atomics.add(this.counts, ANSWERED, 1);
    this.wait();
  }

  private answer(answer: unknown, moved: ArrayBuffer[]): void {
    try {
      this.port.postMessage(answer, moved);
    } catch (error) {
      this.port.postMessage({ problem: `its answer can't be sent: ${messageOf(error)}` } satisfies Problem);
    }
  }

  /** Blocks until there is a task: that takes less time than an event. What the last one left behind stands still. */
  private wait(): void {
    while (!this.isBusy) {
      Atomics.wait(this.counts, ASKED, this.heard);
      this.heard = Atomics.load(this.counts, ASKED);
      for (;;) {
        const received = receiveMessageOnPort(this.port);
        if (received === undefined) break;
        void this.handle(received.message as ProbeTask | CallTask);
      }
    }
  }
}

function written(stream: Writable): Promise<void> {
  return new Promise((resolve) => stream.write("", () => resolve()));
}
