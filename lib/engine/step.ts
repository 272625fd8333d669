import type { DagwrightError } from "../base/errors.js";
import { RunContext } from "../run/context.js";
import type { Startable } from "./runs.js";
import type { Observer } from "../run/events.js";
import type { RunBase } from "../run/run-base.js";

/** A run that can be made to stop after so many nodes or states. */
export interface SteppedRun<R> extends Startable<R> {
  readonly state: RunBase;
  /** What comes next, by name, while the run stands still; undefined when nothing does. */
  readonly next: string | undefined;
  observe(observer: Observer): unknown;
  /** Lets `budget` nodes start; calls `onIdle` when they have settled. */
  limit(budget: number, onIdle: () => void): void;
  resume(): void;
  /** What has to be waited for until what happened so far is recorded. */
  barrier(): Promise<void> | undefined;
}

/** What one step did. */
export interface StepResult<R> {
  /** Pass it to the next step. */
  readonly state: StepState<R>;
  /** The node that ran; undefined when there was none left. */
  readonly node: string | undefined;
  /** The node's result. */
  readonly result: unknown;
  /** The node that the next step runs; undefined when there is none. */
  readonly next: string | undefined;
  /** What the nodes share: results, and metadata, where what is written counts for the next steps. */
  readonly context: RunContext;
  /** Nothing is left to run. */
  readonly done: boolean;
  /** The whole run, once it is done. */
  readonly run: R | undefined;
}

/** What the steps of one run have in common. */
interface Session<R> {
  readonly owner: object;
  readonly run: SteppedRun<R>;
  readonly last: { node?: string; result?: unknown };
  /** Ends the step that is being taken. */
  wake?: () => void;
  outcome?: { readonly result: R; readonly error: DagwrightError | undefined };
}

/** Where a stepped run stands. Each state can be stepped from once. */
export class StepState<R> {
  private used = false;

  private constructor(private readonly session: Session<R>) {}

  /** What `JSON.stringify` writes, and `console.log` shows. It is no state to go on from. */
  toJSON(): object {
    const { run } = this.session;
    return { runId: run.state.runId, workflow: run.state.workflow, next: run.next };
  }

  [Symbol.for("nodejs.util.inspect.custom")](): object {
    return this.toJSON();
  }

  /** Runs the first node. @internal */
  static async first<R>(owner: object, run: SteppedRun<R>): Promise<StepResult<R>> {
    const last: Session<R>["last"] = {};
    run.observe((event) => {
      if (event.type === "attempt.started") last.node = event.node;
      else if (event.type === "node.completed") Object.assign(last, { node: event.node, result: event.result });
    });
    return StepState.advance({ owner, run, last }, true);
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
    return StepState.advance(state.session, false);
  }

  private static async advance<R>(session: Session<R>, isFirst: boolean): Promise<StepResult<R>> {
    const { run, last } = session;
    last.node = last.result = undefined;
    if (session.outcome === undefined) {
      await new Promise<void>((wake) => {
        session.wake = wake;
        run.limit(1, wake);
        if (!isFirst) return run.resume();
        const onEnd = (result: R, error: DagwrightError | undefined) => {
          session.outcome = { result, error };
          session.wake?.();
        };
        run.life.start(onEnd);
      });
      // It may end before what happened is recorded.
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
