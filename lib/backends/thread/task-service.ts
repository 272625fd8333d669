/** In a worker: receives tasks from piscina, one at a time, and answers them. */
import { MessageChannel, MessagePort, receiveMessageOnPort } from "node:worker_threads";
import type * as library from "piscina";
import { messageOf } from "../../base/message.js";
import { load } from "../../base/own-files.js";
import { MALFORMED } from "./thread-errors.js";
import {
  addressOf,
  nodeOf,
  READY,
  subjectOf,
  type Address,
  type Answered,
  type CallTask,
  type Handshake,
  type Loaded,
  type ProbeTask,
  type Problem,
  type StrayError,
  type TaskMessage,
  type Trip,
} from "./thread-protocol.js";

/** The scope of a task, during its execution and afterwards for code that it left running. */
export interface TaskScope {
  readonly address: Address;
  readonly node: string | undefined;
  isOver: boolean;
  /** Sends a message to the pool, unless the task is over: its thread may be executing another one. */
  send(message: TaskMessage): void;
  /** The buffers that are transferred with the answer. */
  transfer: ArrayBuffer[];
}

/** Executes a task; returns its answer, or a promise of it. */
export type Execute = (task: ProbeTask | CallTask, scope: TaskScope) => unknown;

const exit = process.exit.bind(process, 0);
const postMessage: unknown = Reflect.get(MessagePort.prototype, "postMessage");

export interface TaskService {
  /** Called by piscina with each task, the handshake first. */
  readonly handle: (task: Handshake | ProbeTask | CallTask | Trip) => unknown;
  /** Tells the pool that a module is loaded. */
  readonly loaded: (module: string) => void;
}

/** @param currentScope - returns the scope of the calling code, even if its task is over */
export function serveTasks(execute: Execute, currentScope: () => TaskScope | undefined): TaskService {
  let port: MessagePort | undefined;
  let isAnswering = false;
  const scopeOfMicrotask = watchMicrotasks(currentScope);
  process.on("uncaughtExceptionMonitor", (error) => {
    const thrower = scopeOfMicrotask(error);
    const scope = currentScope() ?? thrower;
    if (scope?.isOver === true) {
      if (process.listenerCount("uncaughtException") > 0 || process.hasUncaughtExceptionCaptureCallback()) return;
      // The current task did not cause the error, and continues.
      process.once("uncaughtException", () => {});
      const by = subjectOf(scope.address, scope.node);
      port?.postMessage({ strayError: messageOf(error), by } satisfies StrayError);
    }
    // Piscina throws outside of the task when it can't send the answer, and users' listeners may swallow that.
    else if (isAnswering)
      port?.postMessage({ problem: `its answer can't be sent: ${messageOf(error)}` } satisfies Problem);
  });
  process.on("exit", (code) => {
    const scope = currentScope();
    if (scope?.isOver !== true) return;
    const problem = `code that ${subjectOf(scope.address, scope.node)} left running there called process.exit(${code})`;
    port?.postMessage({ problem } satisfies Problem);
  });
  const loaded = (module: string) => port?.postMessage({ loaded: module } satisfies Loaded);
  const handle = async (task: Handshake | ProbeTask | CallTask | Trip) => {
    isAnswering = false;
    if ("port" in task) {
      ({ port } = task);
      port.on("close", exit);
      return READY;
    }
    if (!("calls" in task)) return answer(task);
    const { calls } = task;
    for (const call of calls.slice(0, -1)) {
      const answered = await answerTo(call);
      try {
        port?.postMessage({ answer: answered.answer } satisfies Answered, answered.transfer);
      } catch (error) {
        return { problem: `its answer can't be sent: ${messageOf(error)}` } satisfies Problem;
      }
    }
    return answer(calls[calls.length - 1]);
  };
  const answerTo = async (task: ProbeTask | CallTask) => {
    const scope: TaskScope = {
      address: addressOf(task),
      node: nodeOf(task),
      isOver: false,
      send: (message) => scope.isOver || port?.postMessage(message),
      transfer: [],
    };
    let answer: unknown;
    try {
      answer = await execute(task, scope);
    } catch (error) {
      answer = { problem: messageOf(error) } satisfies Problem;
    }
    scope.isOver = true;
    const { transfer } = scope;
    if (Reflect.get(MessagePort.prototype, "postMessage") === postMessage || canSend()) return { answer, transfer };
    Reflect.set(MessagePort.prototype, "postMessage", postMessage);
    return { answer: { problem: MALFORMED } satisfies Problem, transfer: [] };
  };
  /** The answer to a task as piscina takes it. */
  const answer = async (task: ProbeTask | CallTask) => {
    const { answer, transfer } = await answerTo(task);
    isAnswering = true;
    return transfer.length === 0 ? answer : transferring(answer, transfer);
  };
  return { handle, loaded };
}

/**
 * Keeps track of the microtasks that throw: Node 20 and 22 have left their async context when they report the error.
 * @returns the scope of the microtask that threw an error
 */
function watchMicrotasks(currentScope: () => TaskScope | undefined): (error: unknown) => TaskScope | undefined {
  const { queueMicrotask } = globalThis;
  let last: { readonly error: unknown; readonly scope: TaskScope | undefined } | undefined;
  globalThis.queueMicrotask = (callback) => {
    if (typeof callback !== "function") return queueMicrotask(callback);
    queueMicrotask(() => {
      try {
        callback();
      } catch (error) {
        last = { error, scope: currentScope() };
        throw error;
      }
    });
  };
  return (error) => {
    const scope = last !== undefined && Object.is(last.error, error) ? last.scope : undefined;
    last = undefined;
    return scope;
  };
}

/** Whether messages still arrive if user code has replaced `postMessage`. Piscina's other end throws on null. */
function canSend(): boolean {
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

/** An object from which piscina reads a value and its transfer list. */
function transferring(answer: unknown, transfer: ArrayBuffer[]): unknown {
  const { move, transferableSymbol, valueSymbol } = load("piscina") as typeof library;
  return move({
    get [transferableSymbol]() {
      return transfer;
    },
    get [valueSymbol]() {
      return answer;
    },
  } as never);
}
