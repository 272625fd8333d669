import { checkNumber } from "../base/check.js";
import { asText } from "../base/message.js";
import type { ChildRunOptions, Context, LogLevel } from "../definition/context.js";
import type { ItemPlace } from "../definition/item.js";
import { checkedMetrics } from "./checked-metrics.js";
import type { LogLine } from "./events.js";
import { logLine } from "./log-line.js";
import type { RunBase } from "./run-base.js";
import type { RunState } from "./state.js";

/** The context of a run as a whole, with the metadata and metrics that its nodes share. */
export class RunContext {
  constructor(protected readonly state: RunBase) {}

  /** The id of the run: its `runId` option, or else a random UUID. */
  get runId(): string {
    return this.state.runId;
  }

  /** The workflow's name. */
  get workflow(): string {
    return this.state.workflow;
  }

  /** The inputs of the run, by name. */
  get inputs(): Readonly<Record<string, unknown>> {
    return this.state.inputs;
  }

  /** Values that nodes share with each other and with the caller. Changes are visible to all of them. */
  get metadata(): Record<string, unknown> {
    return this.state.metadata;
  }

  /** The custom metrics that nodes wrote, by name. */
  get metrics(): Record<string, number> {
    return this.state.metrics;
  }

  /** All results so far, by name; of an fsm, the latest value of each state. Cost: O(nodes) per read. */
  get results(): Readonly<Record<string, unknown>> {
    return this.state.results;
  }

  /** The result of a node or the latest value of a state, or `fallback` if it has none yet. */
  get(name: string, fallback?: unknown): unknown {
    return this.state.has(name) ? this.state.get(name) : fallback;
  }

  /** Whether a node or state has a result, which may be undefined. */
  has(name: string): boolean {
    return this.state.has(name);
  }

  /** For `JSON.stringify`. */
  toJSON(): object {
    const { runId, workflow, inputs, metadata, metrics, results } = this;
    return { runId, workflow, inputs, metadata, metrics: { ...metrics }, results: { ...results } };
  }

  /** For `console.log`. */
  [Symbol.for("nodejs.util.inspect.custom")](): object {
    return this.toJSON();
  }

  /** `Context of run 1f3a of "etl"`, for logs. */
  toString(): string {
    return `Context of run ${this.runId} of "${this.workflow}"`;
  }
}

/** The connection of an attempt to its run. */
export interface AttemptControls {
  /** The signal of the attempt, created on first access. */
  readonly signal: AbortSignal;
  progress(node: number, attempt: number, fraction: number, message: string | undefined): void;
  log(node: number, attempt: number, line: LogLine): void;
  /** Runs a workflow inside the run. */
  runInside(node: number, attempt: number, workflow: unknown, options: ChildRunOptions): Promise<unknown>;
  /** Called when the attempt reads the inputs or metadata of its run, or the results of other nodes. */
  onRead?(what: "inputs" | "results"): void;
}

/** The base class of the contexts of nodes and states. */
export abstract class AttemptContext<S extends RunBase> extends RunContext {
  declare protected readonly state: S;
  abstract readonly nodeName: string;
  abstract readonly idempotencyKey: string;
  abstract readonly trigger: string | undefined;
  /** The owner of the attempt, such as `node "load"`. */
  protected abstract readonly subject: string;

  constructor(
    state: S,
    protected readonly node: number,
    readonly attempt: number,
    private readonly controls: AttemptControls,
  ) {
    super(state);
  }

  get signal(): AbortSignal {
    return this.controls.signal;
  }

  override get inputs(): Readonly<Record<string, unknown>> {
    this.controls.onRead?.("inputs");
    return super.inputs;
  }

  override get metadata(): Record<string, unknown> {
    this.controls.onRead?.("inputs");
    return super.metadata;
  }

  override get metrics(): Record<string, number> {
    return checkedMetrics(super.metrics, this.subject);
  }

  override get results(): Readonly<Record<string, unknown>> {
    this.readsResults();
    return super.results;
  }

  override get(name: string, fallback?: unknown): unknown {
    this.readsResults();
    return super.get(name, fallback);
  }

  override has(name: string): boolean {
    this.readsResults();
    return super.has(name);
  }

  protected readsResults(): void {
    this.controls.onRead?.("results");
  }

  progress(fraction: number, message?: string): void {
    checkNumber("fraction", fraction, { min: 0, max: 1 });
    this.controls.progress(this.node, this.attempt, fraction, message === undefined ? undefined : asText(message));
  }

  log(message: string, fields?: Readonly<Record<string, unknown>>, level?: LogLevel): void {
    this.controls.log(this.node, this.attempt, logLine(message, fields, level));
  }

  run(workflow: object, options: ChildRunOptions = {}): Promise<any> {
    return this.controls.runInside(this.node, this.attempt, workflow, options);
  }

  override toJSON(): object {
    const { nodeName, attempt, trigger } = this;
    return { nodeName, attempt, trigger, ...super.toJSON() };
  }

  /** `Context of "load" in run 1f3a of "etl"`, for logs. */
  override toString(): string {
    return `Context of "${this.nodeName}" in run ${this.runId} of "${this.workflow}"`;
  }
}

/** The context of an attempt of a dag's node. */
export class NodeContext extends AttemptContext<RunState> implements Context {
  constructor(
    state: RunState,
    node: number,
    attempt: number,
    controls: AttemptControls,
    readonly item?: ItemPlace,
  ) {
    super(state, node, attempt, controls);
  }

  get nodeName(): string {
    return this.state.plan.specs[this.node].name;
  }

  protected get subject(): string {
    return `node "${this.nodeName}"`;
  }

  get idempotencyKey(): string {
    const key = this.item === undefined ? "" : `[${this.item.index}]`;
    return `${this.runId}/${this.nodeName}${key}`;
  }

  get trigger(): string | undefined {
    return this.state.triggerOf(this.node);
  }
}
