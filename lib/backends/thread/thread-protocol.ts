/** The messages between the main thread and its workers. All are plain data. */
import type { MessagePort } from "node:worker_threads";
import type { DataInstances } from "../../base/brand.js";
import type { EncodedThrown } from "../../base/error-codec.js";
import type { LogLine } from "../../run/events.js";
import type { ItemPlace } from "../../definition/item.js";
import type { Snapshot } from "../../base/snapshot.js";

/** The first task of every worker. */
export interface Handshake {
  /** Carries all messages except answers. Closing it ends the worker. */
  readonly port: MessagePort;
}

/** The answer to a handshake: the worker has started. */
export const READY = "ready";

/** How a worker finds a workflow: a dag, or the class whose methods are its nodes. */
export type Address = readonly [module: string, workflow: string, isClass?: true];

/** Asks whether a worker finds these nodes. */
export interface ProbeTask {
  readonly op: "probe";
  readonly address: Address;
  readonly nodes: readonly ProbedNode[];
  /** Whether workers create instances of the class with its constructor. */
  readonly constructs: boolean;
}

export interface ProbedNode {
  readonly name: string;
  readonly params: number;
  /** The method's key; undefined when the node is not a method. */
  readonly method: string | undefined;
}

/** By node, why a worker can't execute it; undefined where it can. */
export type ProbeAnswer = readonly (string | undefined)[];

/** Executes a node once. A list, because most nodes are small and lists are cloned in half the time of objects. */
export type CallTask = readonly [
  address: Address,
  node: string,
  /** The arguments without the context. */
  inputs: readonly unknown[],
  extra?: CallExtra,
  /** The instances in this message that arrive as records. */
  instances?: DataInstances,
];

/** Executes nodes one after the other. Each answer but the last is sent as an {@link Answered}. */
export interface Trip {
  readonly calls: readonly CallTask[];
}

/** The answer to a call of a trip. */
export interface Answered {
  readonly answer: unknown;
}

/** The workflow of a task. */
export function addressOf(task: ProbeTask | CallTask): Address {
  return "op" in task ? task.address : task[0];
}

/** The node of a task; undefined when it asks for all. */
export function nodeOf(task: ProbeTask | CallTask): string | undefined {
  return "op" in task ? undefined : task[1];
}

/** A task in words. */
export function subjectOf([module, workflow]: Address, node: string | undefined): string {
  return node === undefined ? `the import of ${module}` : `node "${node}" of "${workflow}"`;
}

/** The parts of a call that most calls don't need. */
export interface CallExtra {
  /** The method to call; undefined when the node is a dag's. */
  readonly callee: Callee | undefined;
  /** The context of the attempt; undefined when the function takes none, and contexts have not been asked for. */
  readonly context: CallContext | undefined;
  /** Whether the worker reports when it calls the function. */
  readonly reportsStart: boolean;
  /** The trace that the call belongs to. */
  readonly trace: string | undefined;
}

/** A method of an instance. Each worker has an instance for each run. */
export interface Callee {
  readonly runId: string;
  readonly method: string;
  /** The instance's fields, as a list of keys and values; undefined when its constructor creates it. */
  readonly fields: Snapshot | undefined;
}

/** The data of an attempt's context. */
export interface CallContext {
  /** Its position among the arguments; -1 if only `getContext` gives it. */
  readonly position: number;
  readonly runId: string;
  readonly workflow: string;
  readonly attempt: number;
  readonly idempotencyKey: string;
  readonly trigger: string | undefined;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly metadata: Record<string, unknown>;
  readonly metrics: Record<string, number>;
  /** In a map, the item. */
  readonly item: ItemPlace | undefined;
  /** The results of the node's needs, by node; in a map, without the collection. */
  readonly needs: readonly (readonly [name: string, result: unknown])[];
}

/** The result of a completed node, and what it wrote to its context. */
export type Completed = readonly [
  value: unknown,
  metadata?: readonly (readonly [string, unknown])[],
  metrics?: readonly (readonly [string, number])[],
  /** The instances in this message that arrive as records. */
  instances?: DataInstances,
];

export type CallAnswer =
  | Completed
  | { readonly thrown: EncodedThrown }
  /** The path, in the result, to a value that can't be cloned. */
  | { readonly uncloneable: string }
  /** Why the node can't be found. */
  | { readonly missing: string };

/** A worker can no longer execute tasks. Sent instead of an answer, or in addition to one. */
export interface Problem {
  readonly problem: string;
}

/** Code that a finished task left running has failed. */
export interface StrayError {
  readonly strayError: string;
  /** The task, in words. */
  readonly by: string;
}

/** A module's import has ended, or is stuck. */
export interface Loaded {
  readonly loaded: string;
}

/** Progress of a node, and a message. */
export type Progress = readonly [fraction: number, message: string | undefined];

/** Sent during a task: it starts to import or to call a function, or a node reports progress, or writes a line. */
export type TaskMessage =
  | { readonly started: true }
  | { readonly progress: Progress }
  | { readonly log: Pick<LogLine, "message" | "fields" | "level"> };
