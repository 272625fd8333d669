import { checkNumber } from "../base/check.js";
import type { Context } from "../definition/context.js";
import { resultRecord, type RunState } from "./state.js";

/** What remains of a run's context when no node is running: what nodes shared. */
export class RunContext {
  constructor(protected readonly state: RunState) {}

  get runId(): string {
    return this.state.runId;
  }

  get workflow(): string {
    return this.state.plan.workflow;
  }

  get inputs(): Readonly<Record<string, unknown>> {
    return this.state.inputs;
  }

  get metadata(): Record<string, unknown> {
    return this.state.metadata;
  }

  get metrics(): Record<string, number> {
    return this.state.metrics;
  }

  get results(): Readonly<Record<string, unknown>> {
    return resultRecord(this.state);
  }

  get(name: string, fallback?: unknown): unknown {
    const node = this.state.plan.indexOf.get(name);
    return node !== undefined && this.state.hasResult(node) ? this.state.results[node] : fallback;
  }

  has(name: string): boolean {
    const node = this.state.plan.indexOf.get(name);
    return node !== undefined && this.state.hasResult(node);
  }
}

/** How an attempt reaches its run. */
export interface AttemptControls {
  /** The signal of one attempt; created when it is first asked for. */
  readonly signal: AbortSignal;
  progress(node: number, attempt: number, fraction: number | undefined, message: string | undefined): void;
}

/** The context of one attempt. */
export class NodeContext extends RunContext implements Context {
  constructor(
    state: RunState,
    private readonly node: number,
    readonly attempt: number,
    private readonly controls: AttemptControls,
  ) {
    super(state);
  }

  get nodeName(): string {
    return this.state.plan.specs[this.node].name;
  }

  get trigger(): string | undefined {
    return this.state.triggerOf(this.node);
  }

  get signal(): AbortSignal {
    return this.controls.signal;
  }

  progress(fraction: number, message?: string): void {
    checkNumber("fraction", fraction, { min: 0, max: 1 });
    this.controls.progress(this.node, this.attempt, fraction, message);
  }

  log(message: string): void {
    this.controls.progress(this.node, this.attempt, undefined, message);
  }
}
