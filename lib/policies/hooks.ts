import type { Coroutine } from "../base/coroutine.js";
import type { Context } from "../definition/context.js";
import type { NodeHooks } from "../definition/node-options.js";
import type { NodeSpec } from "../definition/node-spec.js";
import { CancelledError, ExecutionError } from "../run/errors.js";
import { messageOf } from "../base/message.js";

/** What hooks get to know of the attempt they surround. */
export interface HookedAttempt {
  readonly spec: NodeSpec;
  readonly args: unknown[];
  readonly ctx: Context;
}

/**
 * Surrounds one attempt with hooks, in the order of the list. Inputs that `preExecute` returns replace those in `args`.
 * `onError` gets what the function threw, and is not called for an attempt that was cancelled.
 * @throws {ExecutionError} EXECUTION naming the hook, when one throws
 */
export function* hooked(hooks: readonly NodeHooks[], attempt: HookedAttempt, execute: () => Coroutine): Coroutine {
  let failure: { readonly error: unknown } | undefined;
  let result: unknown;
  try {
    result = yield* around(hooks, attempt, execute);
  } catch (error) {
    failure = { error };
  }
  for (const hook of hooks) {
    try {
      yield hook.cleanup?.(attempt.spec, attempt.ctx);
    } catch (error) {
      failure = { error: hookError("cleanup", attempt, error, failure) };
    }
  }
  if (failure !== undefined) throw failure.error;
  return result;
}

function* around(hooks: readonly NodeHooks[], attempt: HookedAttempt, execute: () => Coroutine): Coroutine {
  const { spec, ctx } = attempt;
  let inputs = inputsOf(attempt);
  for (const hook of hooks) {
    try {
      const changed = yield hook.preExecute?.(spec, inputs, ctx);
      if (changed === undefined) continue;
      inputs = changed as Record<string, unknown>;
      applyInputs(attempt, inputs);
    } catch (error) {
      throw hookError("preExecute", attempt, error);
    }
  }
  let result: unknown;
  try {
    result = yield* execute();
  } catch (error) {
    if (!(error instanceof CancelledError)) yield* tell(hooks, attempt, inputs, error);
    throw error;
  }
  for (const hook of hooks) {
    try {
      const changed = yield hook.postExecute?.(spec, inputs, result, ctx);
      if (changed !== undefined) result = changed;
    } catch (error) {
      throw hookError("postExecute", attempt, error);
    }
  }
  return result;
}

function* tell(
  hooks: readonly NodeHooks[],
  attempt: HookedAttempt,
  inputs: Record<string, unknown>,
  failure: unknown,
): Coroutine<void> {
  for (const hook of hooks) {
    try {
      yield hook.onError?.(attempt.spec, inputs, failure, attempt.ctx);
    } catch (error) {
      throw hookError("onError", attempt, error, { error: failure });
    }
  }
}

/** The name a record of inputs has for the argument at `position`; undefined for the context. */
function nameAt({ signature }: NodeSpec, position: number): string | undefined {
  const { contextAt, inputs, extra } = signature;
  if (position === contextAt) return undefined;
  const index = contextAt >= 0 && position > contextAt ? position - 1 : position;
  return index < inputs.length ? (inputs[index].name ?? String(index)) : extra ? undefined : String(index);
}

function inputsOf({ spec, args }: HookedAttempt): Record<string, unknown> {
  const inputs = Object.create(null) as Record<string, unknown>;
  args.forEach((value, position) => {
    const name = nameAt(spec, position);
    if (name !== undefined) inputs[name] = value;
  });
  return inputs;
}

function applyInputs({ spec, args }: HookedAttempt, inputs: Record<string, unknown>): void {
  if (typeof inputs !== "object" || inputs === null) {
    throw new TypeError("preExecute must return a record of inputs, or nothing.");
  }
  args.forEach((_, position) => {
    const name = nameAt(spec, position);
    if (name !== undefined && Object.hasOwn(inputs, name)) args[position] = inputs[name];
  });
}

function hookError(
  hook: keyof NodeHooks,
  { spec, ctx }: HookedAttempt,
  error: unknown,
  earlier?: { readonly error: unknown },
): ExecutionError {
  const before = earlier === undefined ? "" : `, after the node itself had failed: ${messageOf(earlier.error)}`;
  const message = `Hook "${hook}" of node "${spec.name}" threw: ${messageOf(error)}${before}. Correct the hook.`;
  const cause = earlier === undefined ? error : new AggregateError([earlier.error, error], message);
  return new ExecutionError(message, { runId: ctx.runId, node: spec.name, attempt: ctx.attempt, cause });
}
