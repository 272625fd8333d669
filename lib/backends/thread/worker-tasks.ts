/** In a worker: takes the pool's tasks from piscina, one at a time, and answers them. */
import { MessageChannel, MessagePort, receiveMessageOnPort } from "node:worker_threads";
import type * as library from "piscina";
import { messageOf } from "../../base/message.js";
import { load } from "../../base/own-files.js";
import { UNREADABLE } from "./thread-faults.js";
import {
  addressOf,
  nodeOf,
  READY,
  subjectOf,
  type Address,
  type CallTask,
  type Greeting,
  type LeftBehind,
  type Loaded,
  type Notice,
  type ProbeTask,
  type Problem,
} from "./thread-protocol.js";

/** One task, while it goes on. */
export interface Turn {
  readonly address: Address;
  readonly node: string | undefined;
  isOver: boolean;
  /** Tells the pool something. What a task has left behind tells nothing: its thread may have another by then. */
  notify(notice: Notice): void;
  /** The buffers that move with the answer instead of being copied. */
  moved: ArrayBuffer[];
}

/** Executes a task; gives its answer, or a promise of it. */
export type Execute = (task: ProbeTask | CallTask, turn: Turn) => unknown;

const exit = process.exit.bind(process, 0);
const postMessage: unknown = Reflect.get(MessagePort.prototype, "postMessage");

export interface Service {
  /** What piscina calls with each task; with the pool's greeting first. */
  readonly take: (task: Greeting | ProbeTask | CallTask) => unknown;
  /** Tells the pool that a module is loaded. */
  readonly loaded: (module: string) => void;
}

/** @param turnOf - whose turn the calling code is part of, be that over or not */
export function serve(execute: Execute, turnOf: () => Turn | undefined): Service {
  let port: MessagePort | undefined;
  let isSending = false;
  const thrower = watchMicrotasks(turnOf);
  process.on("uncaughtExceptionMonitor", (error) => {
    const inMicrotask = thrower(error);
    const turn = turnOf() ?? inMicrotask;
    if (turn?.isOver === true) {
      if (process.listenerCount("uncaughtException") > 0 || process.hasUncaughtExceptionCaptureCallback()) return;
      // The task that goes on by now is not to blame, and goes on.
      process.once("uncaughtException", () => {});
      port?.postMessage({ leftBehind: messageOf(error), by: subjectOf(turn.address, turn.node) } satisfies LeftBehind);
    }
    // Piscina throws out of band when it can't send an answer, and the listeners of users may keep that to themselves.
    else if (isSending)
      port?.postMessage({ problem: `its answer can't be sent: ${messageOf(error)}` } satisfies Problem);
  });
  process.on("exit", (code) => {
    const turn = turnOf();
    if (turn?.isOver !== true) return;
    const problem = `what ${subjectOf(turn.address, turn.node)} had left behind there called process.exit(${code})`;
    port?.postMessage({ problem } satisfies Problem);
  });
  const loaded = (module: string) => port?.postMessage({ loaded: module } satisfies Loaded);
  const take = async (task: Greeting | ProbeTask | CallTask) => {
    isSending = false;
    if ("port" in task) {
      ({ port } = task);
      port.on("close", exit);
      return READY;
    }
    const turn: Turn = {
      address: addressOf(task),
      node: nodeOf(task),
      isOver: false,
      notify: (notice) => turn.isOver || port?.postMessage(notice),
      moved: [],
    };
    let answer: unknown;
    try {
      answer = await execute(task, turn);
    } catch (error) {
      answer = { problem: messageOf(error) } satisfies Problem;
    }
    turn.isOver = true;
    isSending = true;
    if (Reflect.get(MessagePort.prototype, "postMessage") !== postMessage && !arrives()) {
      Reflect.set(MessagePort.prototype, "postMessage", postMessage);
      return { problem: UNREADABLE } satisfies Problem;
    }
    return turn.moved.length === 0 ? answer : moving(answer, turn.moved);
  };
  return { take, loaded };
}

/**
 * Notes whose microtask it was that threw: Node 20 and 22 have left its async context when they tell of it.
 * @returns whose it was that threw this
 */
function watchMicrotasks(turnOf: () => Turn | undefined): (error: unknown) => Turn | undefined {
  const { queueMicrotask } = globalThis;
  let last: { readonly error: unknown; readonly turn: Turn | undefined } | undefined;
  globalThis.queueMicrotask = (callback) => {
    if (typeof callback !== "function") return queueMicrotask(callback);
    queueMicrotask(() => {
      try {
        callback();
      } catch (error) {
        last = { error, turn: turnOf() };
        throw error;
      }
    });
  };
  return (error) => {
    const turn = last !== undefined && Object.is(last.error, error) ? last.turn : undefined;
    last = undefined;
    return turn;
  };
}

/** Whether messages arrive though a module or node has changed how they are sent. Piscina, at the other end, can't take null. */
function arrives(): boolean {
  const { port1, port2 } = new MessageChannel();
  try {
    port1.postMessage({});
    const received = receiveMessageOnPort(port2)?.message as unknown;
    return typeof received === "object" && received !== null;
  } catch {
    return false;
  } finally {
    port1.close();
  }
}

/** Piscina takes a value and what to transfer of it from an object with these two members. */
function moving(answer: unknown, moved: ArrayBuffer[]): unknown {
  const { move, transferableSymbol, valueSymbol } = load("piscina") as typeof library;
  return move({
    get [transferableSymbol]() {
      return moved;
    },
    get [valueSymbol]() {
      return answer;
    },
  } as never);
}
