/** What main thread and worker say to each other. All of it is plain data. */
import type { EncodedThrown } from "../base/error-codec.js";

/** How a worker finds a workflow again. */
export type Address =
  | { readonly kind: "dag"; readonly module: string; readonly workflow: string }
  | {
      readonly kind: "class";
      readonly module: string;
      readonly workflow: string;
      /** What the instance is made with. */
      readonly args: readonly unknown[];
    };

/** Can these nodes be found? */
export interface ProbeTask {
  readonly op: "probe";
  readonly address: Address;
  readonly nodes: readonly { readonly name: string; readonly inputs: number }[];
}

/** By node, why it can't be executed in a worker; undefined where it can. */
export type ProbeAnswer = readonly (string | undefined)[];

/** Execute a node once. */
export interface CallTask {
  readonly op: "call";
  /** Tells the messages of tasks apart. */
  readonly id: number;
  readonly address: Address;
  readonly node: string;
  /** The arguments but for the context. */
  readonly inputs: readonly unknown[];
  /** Where the context goes among them; -1 when it goes nowhere. */
  readonly contextAt: number;
  readonly context: CallContext;
  /** The time of the call is of interest: say when it begins. */
  readonly announce: boolean;
}

/** What a node's context holds, in a worker. */
export interface CallContext {
  readonly runId: string;
  readonly workflow: string;
  readonly attempt: number;
  readonly trigger: string | undefined;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly metadata: Record<string, unknown>;
  readonly metrics: Record<string, number>;
  /** The results of the node's needs, by node. */
  readonly needs: readonly (readonly [name: string, result: unknown])[];
}

export type CallAnswer =
  | {
      readonly value: unknown;
      /** What the node wrote to the context, by key. */
      readonly metadata: readonly (readonly [string, unknown])[] | undefined;
      readonly metrics: readonly (readonly [string, number])[] | undefined;
    }
  | { readonly thrown: EncodedThrown }
  /** The path, in the result, of what can't be cloned. */
  | { readonly uncloneable: string }
  /** The node can't be found. */
  | { readonly missing: string };

/** Said while a task goes on. */
export type Notice =
  | { readonly dagwright: "began"; readonly id: number }
  | {
      readonly dagwright: "progress";
      readonly id: number;
      readonly fraction: number | undefined;
      readonly message: string | undefined;
    };
