import type { RunEvent } from "../run/events.js";
import type { RunResult } from "../run/result.js";
import type { DagRun, Outcome } from "./dag-run.js";
import type { DagRunSettings } from "./run-options.js";

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

type MakeRun = (
  settings: Partial<DagRunSettings>,
  onEnd: (outcome: Outcome) => void,
  observe: (event: RunEvent) => void,
) => DagRun;

/** What the steps of one run have in common. */
interface Session {
  readonly owner: object;
  run: DagRun;
  node: string | undefined;
  result: unknown;
  outcome: Outcome | undefined;
  wake: (() => void) | undefined;
}

/** Where a stepped run stands. Each state can be stepped from once. */
export class StepState {
  private used = false;

  private constructor(private readonly session: Session) {}

  /** @internal */
  static async step(owner: object, state: StepState | undefined, make: MakeRun): Promise<StepResult<any>> {
    const session = state === undefined ? open(owner, make) : state.enter(owner);
    session.node = session.result = undefined;
    if (session.outcome === undefined) {
      await new Promise<void>((resolve) => {
        session.wake = resolve;
        if (state === undefined) session.run.start(1);
        else session.run.resume(1);
      });
    }
    const { node, result, outcome } = session;
    if (outcome?.error !== undefined) throw outcome.error;
    return { state: new StepState(session), node, result, done: outcome !== undefined, run: outcome?.result };
  }

  private enter(owner: object): Session {
    if (this.session.owner !== owner) throw new TypeError("This step state belongs to another workflow. Start with step().");
    if (this.used) throw new TypeError("This step state was already stepped from. Pass the state of the latest step.");
    this.used = true;
    return this.session;
  }
}

function open(owner: object, make: MakeRun): Session {
  const session: Session = {
    owner,
    run: undefined as unknown as DagRun,
    node: undefined,
    result: undefined,
    outcome: undefined,
    wake: undefined,
  };
  const onEnd = (outcome: Outcome) => {
    session.outcome = outcome;
    session.wake?.();
  };
  const observe = (event: RunEvent) => {
    if (event.type === "attempt.started") session.node = event.node;
    if (event.type !== "node.completed") return;
    session.node = event.node;
    session.result = event.result;
  };
  session.run = make({ onIdle: () => session.wake?.() }, onEnd, observe);
  return session;
}
