import { LazyAbort } from "../../base/abort.js";
import { drive } from "../../base/coroutine.js";
import { Attempts } from "../../engine/attempts.js";
import type { NodeHooks } from "../../definition/specs/node-options.js";
import type { NodeSpec } from "../../definition/specs/node-spec.js";
import { isContext } from "../../planning/plan.js";
import type { ResultCache } from "../../policies/cache.js";
import type { Holder } from "../../policies/holder.js";
import type { Scheduler } from "../../policies/scheduler.js";
import { NodeContext, type AttemptControls } from "../../run/context.js";
import type { RunState } from "../../run/state.js";
import type { Arguments } from "../arguments.js";
import type { BackendCalls } from "../backend-calls.js";
import { DagHost, type DagHostRun } from "../host.js";
import type { Permits } from "../../engine/permits.js";

/** A live dag, as its computations see it. */
export interface ComputingDag {
  readonly state: RunState;
  readonly args: Arguments;
  readonly calls: BackendCalls | undefined;
  readonly hooks: readonly NodeHooks[];
  readonly scheduler: Scheduler | undefined;
  readonly caller: Holder | undefined;
  /** The present inputs, which don't change later. */
  inputsNow(): Readonly<Record<string, unknown>>;
  cacheOf(spec: NodeSpec): ResultCache | undefined;
  permitsOf(node: number): Permits;
  pump(): void;
}

/** One computation of one node of a live dag: of a plain one, a call of its function. */
export class Computation implements AttemptControls {
  /** Whether its outcome is no longer wanted. */
  isOver = false;
  private isHolding = false;
  protected lazyAbort: LazyAbort | undefined = undefined;
  private lazyInputs: Readonly<Record<string, unknown>> | undefined = undefined;

  constructor(
    protected readonly dag: ComputingDag,
    readonly node: number,
  ) {}

  get state(): RunState {
    return this.dag.state;
  }

  get signal(): AbortSignal {
    return (this.lazyAbort ??= new LazyAbort()).signal;
  }

  /** The inputs as they were when the node first read them. */
  get inputs(): Readonly<Record<string, unknown>> {
    return (this.lazyInputs ??= this.dag.inputsNow());
  }

  /** Returns the outcome, a promise of it, or throws. */
  run(): unknown {
    const { dag, node } = this;
    const { args, argStart, functions, self } = dag.state.plan;
    const values: unknown[] = [];
    for (let k = argStart[node]; k < argStart[node + 1]; k++) values.push(this.argument(args[k]));
    return functions[node].apply(self, values);
  }

  private argument(code: number): unknown {
    const { dag, node } = this;
    if (code >= 0) return dag.state.values[code];
    return dag.args.value(
      code,
      node,
      isContext(dag.state.plan, code) ? new LiveContext(this, node, 1, this) : undefined,
    );
  }

  /** Takes a permit for a call that begins. */
  begin(): void {
    this.dag.permitsOf(this.node).take();
    this.isHolding = true;
  }

  /** Releases what it holds when it has ended, or been stopped. */
  release(): void {
    if (!this.isHolding) return;
    this.isHolding = false;
    this.dag.permitsOf(this.node).release();
  }

  /** Ends it: its signal aborts, and its outcome is dropped. */
  stop(reason: unknown): void {
    this.isOver = true;
    (this.lazyAbort ??= new LazyAbort()).abort(reason);
    this.release();
  }

  /** Nobody listens. */
  progress(): void {}

  runInside(): never {
    throw new TypeError(
      "ctx.run is not available in a live dag. Run the workflow itself, or make its nodes those of the dag.",
    );
  }
}

/** The computation of a node with policies: what the node's attempts take for their run. */
export class ManagedComputation extends Computation implements DagHostRun {
  readonly sync = false;
  readonly emitter = undefined;
  readonly nodeLimits = undefined;
  readonly streams = undefined;
  readonly isSequential = false;
  private readonly attempts = new Attempts(new LiveHost(this));

  get args(): Arguments {
    return this.dag.args;
  }

  get calls(): BackendCalls | undefined {
    return this.dag.calls;
  }

  /** A live dag has no workflows inside. */
  get children(): never {
    return this.runInside();
  }

  placeInside(): never {
    return this.runInside();
  }

  get hooks(): readonly NodeHooks[] {
    return this.dag.hooks;
  }

  get scheduler(): Scheduler | undefined {
    return this.dag.scheduler;
  }

  get caller(): Holder | undefined {
    return this.dag.caller;
  }

  override run(): unknown {
    return drive(this.attempts.run(this.node));
  }

  /** Its attempts acquire their permits, and release them themselves. */
  override begin(): void {}

  override release(): void {}

  /** Has its attempts stop waiting, too. */
  override stop(reason: unknown): void {
    super.stop(reason);
    this.attempts.interrupt(reason);
  }

  cacheOf(spec: NodeSpec): ResultCache | undefined {
    return this.dag.cacheOf(spec);
  }

  permitsOf(node: number): Permits {
    return this.dag.permitsOf(node);
  }

  pump(): void {
    this.dag.pump();
  }

  /** A live dag is not recorded. */
  barrier(): undefined {}
}

class LiveHost extends DagHost {
  constructor(private readonly computation: ManagedComputation) {
    super(computation);
  }

  override contextOf(node: number, attempt: number, controls: AttemptControls): NodeContext {
    return new LiveContext(this.computation, node, attempt, controls);
  }
}

/** The context of a node in a live dag. Its inputs are those of one moment. */
class LiveContext extends NodeContext {
  constructor(
    private readonly computation: Computation,
    node: number,
    attempt: number,
    private readonly attemptControls: AttemptControls,
  ) {
    super(computation.state, node, attempt, attemptControls);
  }

  override get inputs(): Readonly<Record<string, unknown>> {
    this.attemptControls.onRead?.("inputs");
    return this.computation.inputs;
  }
}
