import { abandon, drive, type Coroutine } from "../base/coroutine.js";
import { asSentence, messageOf } from "../base/message.js";
import type { FsmState } from "../run/fsm-state.js";
import { isPause } from "../run/pause.js";
import { stateError } from "./errors.js";
import type { FailureDecision, Failures } from "./failures.js";

/** A state hook bound to its fsm. */
export type BoundStateHook = (from: string, to: string, value: unknown) => unknown;

/** The run that is about to enter a state. */
interface EnteringRun {
  readonly state: FsmState;
  readonly sync: boolean;
  readonly isOver: boolean;
  readonly failures: Failures;
  continueAfter<T>(work: Promise<T>, fulfilled: (value: T) => void, rejected: (error: unknown) => void): void;
}

/** A transition that state hooks may veto. */
interface Transition {
  readonly to: number;
  readonly value: unknown;
  /** What to do if they do, see {@link Failures.fail}. */
  readonly decision: FailureDecision | undefined;
}

/** Calls `enter` if all state hooks allow the transition. A veto is a failure of the current cycle. */
export function askStateHooks(
  run: EnteringRun,
  hooks: readonly BoundStateHook[],
  { to, value, decision }: Transition,
  enter: () => void,
): void {
  const { state, failures } = run;
  const target = state.plan.specs[to].name;
  const vetoed = (cause: unknown) => {
    if (run.isOver) return;
    if (isPause(cause)) return failures.pause(cause);
    const predicate = `can't go to "${target}": a state hook threw: ${asSentence(messageOf(cause))} Return another state, or correct the hook.`;
    failures.fail(stateError(state, predicate, { cause }), decision);
  };
  const allowed = () => run.isOver || enter();
  let asked: void | Promise<void>;
  try {
    asked = drive(callAll(run, hooks, target, value));
  } catch (error) {
    return vetoed(error);
  }
  if (asked === undefined) return void allowed();
  if (!run.sync) return run.continueAfter(asked, allowed, vetoed);
  abandon(asked);
  const predicate = "has a state hook that returned a promise, which runSync can't wait for. Use run instead.";
  failures.fail(stateError(state, predicate), "failFast");
}

function* callAll(run: EnteringRun, hooks: readonly BoundStateHook[], to: string, value: unknown): Coroutine<void> {
  const { plan, current } = run.state;
  const from = plan.specs[current].name;
  for (const hook of hooks) {
    if (run.isOver) return;
    yield hook(from, to, value);
  }
}
