import { drive } from "../base/coroutine.js";
import { askErrorHandler, type FailureAction } from "../engine/error-policy.js";
import type { Attempts } from "../engine/attempts.js";
import type { EventEmitter } from "../engine/event-emitter.js";
import type { Lifecycle } from "../engine/lifecycle.js";
import type { NodeContext } from "../run/context.js";
import { ExecutionError } from "../run/errors.js";
import { isPause } from "../run/pause.js";
import { Status } from "../run/status.js";
import type { Arguments } from "./arguments.js";
import { nodeError, nodeFailure } from "./errors.js";
import type { RunOptions } from "./options.js";
import { pauseNode, type PausingRun } from "./pause-node.js";

/** The run whose nodes fail. */
export interface FailingRun extends PausingRun {
  readonly options: RunOptions<any>;
  readonly sync: boolean;
  readonly isOver: boolean;
  readonly emitter: EventEmitter | undefined;
  readonly args: Arguments;
  readonly attempts: Attempts;
  readonly life: Pick<Lifecycle<unknown>, "halt">;
  contextOf(node: number): NodeContext;
  /** Settles a node that has started with the outcome of `work`. */
  settleWith(node: number, work: () => unknown): void;
  /** Continues without the result of a node. */
  goOnAfter(node: number): void;
  /** Enters the loop again after a wait. */
  reenter(work: () => void): void;
}

/**
 * Fails a node, and does what its error strategy or the error handler says: ends the run, pauses it, or goes on.
 * @param decided - overrides these
 */
export function failNode(run: FailingRun, node: number, thrown: unknown, decided?: FailureAction): void {
  const { state, emitter } = run;
  run.streams?.settled(node, { error: thrown });
  const error = nodeFailure(state, node, thrown);
  state.status[node] = Status.failed;
  state.setFinished(node, run.time);
  state.setError(node, error);
  emitter?.emit({ type: "node.failed", error }, node);
  if (run.isOver) return;
  const action = decided ?? actionFor(run, node, error);
  if (!(action instanceof Promise)) return perform(run, node, error, action);
  if (run.sync) {
    const message = "errorHandler returned a promise, which runSync can't wait for. Use run instead.";
    return perform(run, node, error, nodeError(state, node, message));
  }
  void action.then((settled) => run.reenter(() => perform(run, node, error, settled)));
}

/** Fails a node that has not started, unless a value or its fallback replaces its result. */
export function failUnstarted(
  run: FailingRun,
  node: number,
  error: ExecutionError,
  standIn?: { readonly value: unknown },
): void {
  const { state, attempts } = run;
  const { options } = state.plan.specs[node];
  state.setAttempts(node, state.attemptsBefore(node));
  run.open++;
  if (standIn === undefined && options.fallback === undefined) return failNode(run, node, error);
  state.status[node] = Status.running;
  run.settleWith(node, () =>
    drive(
      standIn === undefined
        ? attempts.useFallback(node, error)
        : attempts.standIn(node, standIn.value, run.args.inputs(node)),
    ),
  );
}

function actionFor(run: FailingRun, node: number, error: ExecutionError): FailureAction | Promise<FailureAction> {
  const { state } = run;
  const { errorHandler, errorStrategy = "failFast" } = run.options;
  const own = state.plan.specs[node].options.errorStrategy;
  if (state.isHandled(node)) return own ?? (errorStrategy === "failFast" ? "continue" : errorStrategy);
  if (errorHandler === undefined) return own ?? errorStrategy;
  return askErrorHandler(errorHandler, error, run.contextOf(node));
}

function perform(run: FailingRun, node: number, error: ExecutionError, action: FailureAction): void {
  const { state } = run;
  if (action instanceof ExecutionError) return run.life.halt("failed", action);
  if (isPause(action)) {
    state.dropError(node);
    return pauseNode(run, node, action);
  }
  if (action === "failFast") return run.life.halt("failed", error);
  if (action === "continueNone") {
    state.facts.nulled.add(node);
    state.values[node] = null;
  }
  run.goOnAfter(node);
}
