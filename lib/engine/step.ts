import type { DagwrightError } from "../base/errors.js";
import { RunContext } from "../run/context.js";
import type { Observer } from "../run/events.js";
import type { RunBase } from "../run/run-base.js";
import type { Startable } from "./runs.js";

/** A run that can stop after a number of nodes or states. */
export interface SteppedRun<R> extends Startable<R> {
  readonly state: RunBase;
  /** The name of the next node, between steps; undefined when there is none. */
  readonly next: string | undefined;
  observe(observer: Observer): unknown;
  /** Lets `budget` nodes start; calls `onIdle` when they have settled. */
  limit(budget: number, onIdle: () => void): void;
  resume(): void;
  /** The durability barrier: resolves when everything so far is recorded; undefined when nothing has to wait. */
  barrier(): Promise<void> | undefined;
}

/** The result of one step. */
export interface StepResult<R> {
  /** The state to pass to the next step. */
  readonly state: StepState<R>;
  /** The node that ran; undefined when there was none left. */
  readonly node: string | undefined;
  /** The node's result. */
  readonly result: unknown;
  /** The node that the next step runs; undefined when there is none. */
  readonly next: string | undefined;
  /** The context shared by all nodes: results and metadata. The next steps see changes of the metadata. */
  readonly context: RunContext;
  /** Whether nothing is left to run. */
  readonly done: boolean;
  /** The result of the run, once it is done. */
  readonly run: R | undefined;
}

/** The common data of all steps of a run. */
interface Session<R> {
  readonly owner: object;
  readonly run: SteppedRun<R>;
  readonly last: { node?: string; result?: unknown };
  /** Ends the current step. */
  wake?: () => void;
  outcome?: { readonly result: R; readonly error: DagwrightError | undefined };
}

/** The position of a stepped run. Each can be stepped from once. */
export class StepState<R> {
  private used = false;

  private constructor(private readonly session: Session<R>) {}

  /** A summary for `JSON.stringify` and `console.log`. It can't be stepped from. */
  toJSON(): object {
    const { run } = this.session;
    return { runId: run.state.runId, workflow: run.state.workflow, next: run.next };
  }

  /** For `console.log`. */
  [Symbol.for("nodejs.util.inspect.custom")](): object {
    return this.toJSON();
  }

  /** Runs the first node. @internal */
  static async first<R>(owner: object, run: SteppedRun<R>): Promise<StepResult<R>> {
    const last: Session<R>["last"] = {};
    run.observe((event) => {
      if (event.parent !== undefined) return;
      if (event.type === "attempt.started") last.node = event.node;
      else if (event.type === "node.completed") Object.assign(last, { node: event.node, result: event.result });
    });
    const session: Session<R> = { owner, run, last };
    return StepState.advance(session, () => {
      run.life.start((result, error) => {
        session.outcome = { result, error };
        session.wake?.();
      });
    });
  }

  /**
   * Runs the next node.
   * @throws {TypeError} for a state of another workflow, or one that was stepped from before
   * @internal
   */
  static async next<R>(owner: object, state: StepState<R>): Promise<StepResult<R>> {
    if (!(state instanceof StepState) || state.session.owner !== owner) {
      throw new TypeError("This step state belongs to another workflow. Call step() without a state to begin.");
    }
    if (state.used) throw new TypeError("This step state was already stepped from. Pass the state of the latest step.");
    state.used = true;
    return StepState.advance(state.session, () => state.session.run.resume());
  }

  /** @param proceed - starts or resumes the run */
  private static async advance<R>(session: Session<R>, proceed: () => void): Promise<StepResult<R>> {
    const { run, last } = session;
    last.node = last.result = undefined;
    if (session.outcome === undefined) {
      await new Promise<void>((wake) => {
        session.wake = wake;
        run.limit(1, wake);
        proceed();
      });
      // If recording fails, the barrier stays pending and the run ends.
      const barrier = session.outcome === undefined ? run.barrier() : undefined;
      if (barrier !== undefined) await Promise.race([barrier, new Promise<void>((wake) => (session.wake = wake))]);
    }
    const { outcome } = session;
    if (outcome?.error !== undefined) throw outcome.error;
    const { node, result } = last;
    const done = outcome !== undefined;
    const next = done ? undefined : run.next;
    const context = new RunContext(run.state);
    return { state: new StepState(session), node, result, next, context, done, run: outcome?.result };
  }
}
