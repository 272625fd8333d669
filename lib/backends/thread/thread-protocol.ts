/** What main thread and worker say to each other. All of it is plain data. */
import type { MessagePort } from "node:worker_threads";
import type { EncodedThrown } from "../../base/error-codec.js";
import type { Snapshot } from "../../base/snapshot.js";

/** A thread's first task. */
export interface Greeting {
  /** Carries notices. When it is closed, the thread ends. */
  readonly port: MessagePort;
}

/** The answer to a greeting: the thread has started. */
export const READY = "ready";

/** How a worker finds a workflow again: a dag, or the class whose methods its nodes are. */
export type Address = readonly [module: string, workflow: string, isClass?: true];

/** Can these nodes be found? */
export interface ProbeTask {
  readonly op: "probe";
  readonly address: Address;
  readonly nodes: readonly ProbedNode[];
  /** Whether workers make instances of the class by its constructor. */
  readonly constructs: boolean;
}

export interface ProbedNode {
  readonly name: string;
  readonly params: number;
  /** The key of the method that it is. */
  readonly method: string | undefined;
}

/** By node, why it can't be executed in a worker; undefined where it can. */
export type ProbeAnswer = readonly (string | undefined)[];

/**
 * Execute a node once. A list, since most nodes are small, and lists cross between threads in half the time of objects.
 */
export type CallTask = readonly [
  address: Address,
  node: string,
  /** The arguments but for the context. */
  inputs: readonly unknown[],
  extra?: CallExtra,
];

/** The workflow that a task is about. */
export function addressOf(task: ProbeTask | CallTask): Address {
  return "op" in task ? task.address : task[0];
}

/** The node that a task is about; undefined when it asks for all. */
export function nodeOf(task: ProbeTask | CallTask): string | undefined {
  return "op" in task ? undefined : task[1];
}

/** What a task is about, in words: a node of a workflow, or all of it. */
export function subjectOf([module, workflow]: Address, node: string | undefined): string {
  return node === undefined ? `the import of ${module}` : `node "${node}" of "${workflow}"`;
}

/** What most calls do without. */
export interface CallExtra {
  /** The instance whose method the node is; undefined for a dag's node. */
  readonly callee: Callee | undefined;
  /** What the function's context holds, and where among the arguments it goes; undefined when it takes none. */
  readonly context: CallContext | undefined;
  /** Say when the function is called. */
  readonly announces: boolean;
}

/** A method of an instance, which each run has for itself in each worker. */
export interface Callee {
  readonly runId: string;
  readonly method: string;
  /** The instance's fields, as a list of keys and values; undefined when it is made by its constructor. */
  readonly fields: Snapshot | undefined;
}

/** What a node's context holds, in a worker. */
export interface CallContext {
  readonly position: number;
  readonly runId: string;
  readonly workflow: string;
  readonly attempt: number;
  readonly idempotencyKey: string;
  readonly trigger: string | undefined;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly metadata: Record<string, unknown>;
  readonly metrics: Record<string, number>;
  /** The results of the node's needs, by node. */
  readonly needs: readonly (readonly [name: string, result: unknown])[];
}

/** The result of a node that completed, in a list: with it, what it wrote to the context, by key. */
export type Completed = readonly [
  value: unknown,
  metadata?: readonly (readonly [string, unknown])[],
  metrics?: readonly (readonly [string, number])[],
];

/** How far a node is, and a message. */
export type Progress = readonly [fraction: number | undefined, message: string | undefined];

export type CallAnswer =
  | Completed
  | { readonly thrown: EncodedThrown }
  /** The path, in the result, of what can't be cloned. */
  | { readonly uncloneable: string }
  /** Why the node can't be found. */
  | { readonly missing: string };

/** Given instead of an answer, by a worker that could not execute the task. */
export interface Problem {
  readonly problem: string;
}

/** Said when a task that is over has left behind what failed: its message, and whose it was. */
export interface LeftBehind {
  readonly leftBehind: string;
  readonly by: string;
}

/** Said of a module whose import is over, or waits for good. */
export interface Loaded {
  readonly loaded: string;
}

/** Said while a task goes on: it began to import or to call a function, or a node tells how far it is. */
export type Notice = { readonly began: true } | { readonly progress: Progress };
