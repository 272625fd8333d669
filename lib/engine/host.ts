import type { AttemptCall } from "../backends/backend.js";
import type { LazyAbort } from "../base/abort.js";
import type { ChildRunOptions } from "../definition/context.js";
import type { NodeHooks } from "../definition/specs/node-options.js";
import { namedInputs } from "../definition/specs/named-inputs.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import type { Subworkflow } from "../definition/specs/subworkflow-spec.js";
import type { ResultCache } from "../policies/cache.js";
import type { CircuitChange } from "../policies/circuit.js";
import type { Holder } from "../policies/holder.js";
import { processLimits, type Limits } from "../policies/limits.js";
import type { Scheduler } from "../policies/scheduler.js";
import type { AttemptControls } from "../run/context.js";
import type { RunBase } from "../run/run-base.js";
import type { Children, ChildSite } from "./children.js";
import type { EventEmitter } from "./event-emitter.js";
import type { Slot } from "./slot.js";

/** A run, as the attempts of its nodes or states see it. */
export interface HostRun extends AttemptControls {
  readonly sync: boolean;
  readonly state: RunBase & { readonly plan: { readonly specs: readonly NodeSpec[] } };
  readonly emitter: EventEmitter | undefined;
  readonly isOver: boolean;
  /** The hooks of all nodes: the default hooks, then those of the run. */
  readonly hooks: readonly NodeHooks[];
  readonly scheduler: Scheduler | undefined;
  readonly caller: Holder | undefined;
  cacheOf(node: NodeSpec): ResultCache | undefined;
  barrier(): Promise<void> | undefined;
  /** The runs inside. */
  readonly children: Children;
}

/** The common part of the hosts of nodes and of states. */
export abstract class EngineHost<R extends HostRun> implements AttemptControls {
  readonly sync: boolean;
  readonly workflow: string;
  readonly scheduler: Scheduler | undefined;
  readonly limits: Limits;
  readonly caller: Holder | undefined;

  constructor(protected readonly run: R) {
    this.sync = run.sync;
    this.workflow = run.state.workflow;
    this.scheduler = run.scheduler;
    this.caller = run.caller;
    this.limits = run.scheduler?.limits ?? processLimits;
  }

  protected abstract ownHooksOf(node: number): NodeHooks | undefined;

  get isOver(): boolean {
    return this.run.isOver;
  }

  get signal(): AbortSignal {
    return this.run.signal;
  }

  specOf(node: number): NodeSpec {
    return this.run.state.plan.specs[node];
  }

  hooksOf(node: number): readonly NodeHooks[] {
    const own = this.ownHooksOf(node);
    return own === undefined ? this.run.hooks : [...this.run.hooks, own];
  }

  /** The place of a run inside, for a node or for a call of one. */
  protected abstract childSiteOf(node: number): Pick<ChildSite, "node" | "key" | "path">;

  schedulerOf(node: number): Scheduler | undefined {
    return this.specOf(node).subworkflow === undefined ? this.scheduler : undefined;
  }

  callInside(
    node: number,
    attempt: number,
    workflow: unknown,
    options: ChildRunOptions,
    abort: LazyAbort,
    slot: Slot,
  ): Promise<unknown> {
    const isRepeated = attempt > 1;
    const site = { ...this.childSiteOf(node), abort, isRepeated, restarts: false, isCall: true };
    return this.run.children.call(node, attempt, workflow, options, site, slot);
  }

  runInside(): never {
    throw new TypeError("ctx.run is for the function of a node, not for its fallback or an error handler.");
  }

  /** Runs a node that is a workflow. */
  protected executeWorkflow(
    node: number,
    { spec, args, ctx }: AttemptCall,
    abort: LazyAbort,
    onStart: () => void,
  ): unknown {
    onStart();
    const { attempt } = ctx;
    const before = this.attemptsBefore(node);
    const site = {
      ...this.childSiteOf(node),
      abort,
      isRepeated: attempt > 1,
      restarts: attempt > before + 1,
      isCall: false,
    };
    return this.run.children.execute(spec.subworkflow as Subworkflow, givenInputs(spec, args), site);
  }

  protected abstract attemptsBefore(node: number): number;

  cacheOf(node: number): ResultCache | undefined {
    return this.run.cacheOf(this.specOf(node));
  }

  barrier(): Promise<void> | undefined {
    return this.run.barrier();
  }

  circuitChanged(node: number, type: CircuitChange, key: string | undefined): void {
    if (!this.isOver) this.run.emitter?.emit({ type, key }, node);
  }

  cacheMissed(): void {
    this.run.state.countLookUp("misses");
  }

  refreshFailed(node: number, error: unknown, failures: number, retryAt: number): void {
    this.run.emitter?.emit({ type: "refresh.failed", error, failures, retryAt }, node);
  }

  progress(node: number, attempt: number, fraction: number | undefined, message: string | undefined): void {
    this.run.progress(node, attempt, fraction, message);
  }
}

/** The inputs of a workflow, without optional ones that nothing gives. */
function givenInputs(spec: NodeSpec, args: readonly unknown[]): Readonly<Record<string, unknown>> {
  const inputs = namedInputs(spec, args);
  for (const { name, optional } of spec.signature.inputs) {
    if (optional && name !== undefined && inputs[name] === undefined) delete inputs[name];
  }
  return inputs;
}
