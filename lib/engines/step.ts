import type { ExecutionError } from "../run/errors.js";
import type { Observer } from "../run/events.js";
import type { RunResult } from "../run/result.js";
import type { DagRun } from "./dag-run.js";

/** What one step did. */
export interface StepResult<N = Record<string, unknown>> {
  /** Pass it to the next step. */
  readonly state: StepState;
  /** The node that ran; undefined when there was none left. */
  readonly node: string | undefined;
  /** The node's result. */
  readonly result: unknown;
  /** Nothing is left to run. */
  readonly done: boolean;
  /** The whole run, once it is done. */
  readonly run: RunResult<N> | undefined;
}

/** What the steps of one run have in common. */
interface Session {
  readonly owner: object;
  readonly run: DagRun;
  readonly last: { node?: string; result?: unknown };
  /** Ends the step that is being taken. */
  wake?: () => void;
  outcome?: { readonly result: RunResult<any>; readonly error: ExecutionError | undefined };
}

/** Where a stepped run stands. Each state can be stepped from once. */
export class StepState {
  private used = false;

  private constructor(private readonly session: Session) {}

  /**
   * Runs the first node.
   * @param make - makes the run, with an observer of ours
   * @internal
   */
  static first(owner: object, make: (observe: Observer) => DagRun): Promise<StepResult<any>> {
    const last: Session["last"] = {};
    const run = make((event) => {
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
  static async next(owner: object, state: StepState): Promise<StepResult<any>> {
    if (!(state instanceof StepState) || state.session.owner !== owner) {
      throw new TypeError("This step state belongs to another workflow. Call step() without a state to begin.");
    }
    if (state.used) throw new TypeError("This step state was already stepped from. Pass the state of the latest step.");
    state.used = true;
    return StepState.advance(state.session, false);
  }

  private static async advance(session: Session, isFirst: boolean): Promise<StepResult<any>> {
    const { run, last } = session;
    last.node = last.result = undefined;
    if (session.outcome === undefined) {
      await new Promise<void>((wake) => {
        session.wake = wake;
        if (!isFirst) return run.resume(1, wake);
        const onEnd = (result: RunResult<any>, error: ExecutionError | undefined) => {
          session.outcome = { result, error };
          session.wake?.();
        };
        run.start(onEnd, 1, wake);
      });
    }
    const { outcome } = session;
    if (outcome?.error !== undefined) throw outcome.error;
    const { node, result } = last;
    return { state: new StepState(session), node, result, done: outcome !== undefined, run: outcome?.result };
  }
}
