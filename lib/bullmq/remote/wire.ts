/** What jobs of remote nodes say. All of it is JSON, and values are texts of the codec. */
import { paramNames } from "../../definition/specs/named-inputs.js";
import { unnumbered } from "../../definition/specs/original-names.js";
import type { NodeKind, NodeSpec } from "../../definition/specs/node-spec.js";
import type { LogLine } from "../../run/events.js";

/** A value as text, or what the text is found by in the store of the run. */
export type Sent = string | { readonly stored: string };

/** One attempt of a node, as it is enqueued. */
export interface NodeJob {
  readonly workflow: string;
  readonly node: string;
  readonly code: Code;
  readonly runId: string;
  readonly attempt: number;
  /** The arguments without the context. */
  readonly inputs: readonly Sent[];
  /** Undefined if the function takes no context. */
  readonly context?: JobContext | undefined;
  /** The trace that the attempt belongs to, as a `traceparent`. */
  readonly trace?: string | undefined;
}

/** What tells the code of a node from other code under its name. */
export interface Code {
  readonly kind: NodeKind;
  readonly params: readonly string[];
}

export interface JobContext {
  /** Its position among the arguments; -1 if only `getContext` gives it. */
  readonly position: number;
  readonly idempotencyKey: string;
  readonly trigger?: string | undefined;
  readonly item?: { readonly index: number; readonly key: Sent } | undefined;
  /** The inputs of the run. */
  readonly inputs: Sent;
  readonly metadata: Sent;
  readonly metrics: Readonly<Record<string, number>>;
}

/** How an attempt ended. It is the result of its job. */
export type Outcome =
  | { readonly value: Sent; readonly metrics?: readonly (readonly [string, number])[] }
  | { readonly thrown: string }
  /** Why no attempt on any worker can succeed. */
  | { readonly refused: string };

/** Sent while a job is executed, as its progress in BullMQ. */
export type Message =
  | { readonly progress: readonly [fraction: number, message?: string] }
  | { readonly log: Pick<LogLine, "message" | "level"> & { readonly fields: string } }
  /** A worker has put the job back, as it has other code. */
  | { readonly otherCode: string };

/** The event by which workers hear that nobody waits for a job any longer. */
export const CANCEL = "dagwright:cancel";

/** Why a job failed that nobody waits for any longer. */
export const ABANDONED = "nobody waits for it any longer";

/** Without the numbers that a compiler may have added to names: both sides may be built otherwise. */
export function codeOf({ kind, signature }: NodeSpec): Code {
  return { kind, params: paramNames(signature).map(unnumbered) };
}

/** Why a node can't be executed by this code; undefined if it can. */
export function differenceOf(wanted: Code, { kind, params }: Code): string | undefined {
  if (wanted.kind !== kind) return `it is a ${kind} here, and a ${wanted.kind} in the run`;
  if (JSON.stringify(wanted.params) === JSON.stringify(params)) return undefined;
  return `it takes (${params.join(", ")}) here, and (${wanted.params.join(", ")}) in the run`;
}

/** The id of the job of an attempt. What BullMQ refuses in ids is encoded. */
export function jobId(scope: string, attempt: number): string {
  return `${encodeURIComponent(scope)}~${attempt}`;
}
