import type { Coroutine } from "../base/coroutine.js";
import { asSentence, messageOf } from "../base/message.js";
import type { CancelScope } from "../base/cancel-scope.js";
import type { Context } from "../definition/context.js";
import { inputName, resolvedNames, namedInputs, paramHint, paramNames } from "../definition/specs/named-inputs.js";
import type { NodeHooks } from "../definition/specs/node-options.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import { ExecutionError, type ErrorSite } from "../run/errors.js";
import { isPause } from "../run/pause.js";

/** The attempt that hooks run around. */
export interface HookedAttempt {
  readonly spec: NodeSpec;
  readonly args: unknown[];
  readonly ctx: Context;
  /** The node or state in messages: `node "x"`. */
  readonly label: string;
  readonly siteOf: (cause: unknown) => ErrorSite;
  /** Calls `work` as part of the attempt. */
  within<T>(work: () => T): T;
}

/**
 * Runs hooks around one attempt, in the order of the list. Inputs that `preExecute` returns replace those in `args`.
 * `onError` gets what the function threw, and is not called for cancelled attempts.
 * @throws {ExecutionError} EXECUTION naming the hook that threw
 */
export function* withHooks(
  hooks: readonly NodeHooks[],
  attempt: HookedAttempt,
  waits: CancelScope,
  execute: () => Coroutine,
): Coroutine {
  let failure: { readonly error: unknown } | undefined;
  let result: unknown;
  try {
    result = yield* executeWithHooks(hooks, attempt, waits, execute);
  } catch (error) {
    failure = { error };
  }
  for (const hook of hooks) {
    try {
      yield* waits.wait(
        attempt.within(() => hook.cleanup?.(attempt.spec, attempt.ctx)),
        'hook "cleanup"',
      );
    } catch (error) {
      if (waits.isCancellation(error) || isPause(error)) failure = { error };
      else failure = { error: hookError("cleanup", attempt, error, failure) };
    }
  }
  if (failure !== undefined) throw failure.error;
  return result;
}

function* executeWithHooks(
  hooks: readonly NodeHooks[],
  attempt: HookedAttempt,
  waits: CancelScope,
  execute: () => Coroutine,
): Coroutine {
  const { spec, ctx } = attempt;
  let inputs = namedInputs(spec.signature, attempt.args);
  for (const hook of hooks) {
    try {
      const changed = yield* waits.wait(
        attempt.within(() => hook.preExecute?.(spec, inputs, ctx)),
        'hook "preExecute"',
      );
      if (changed === undefined) continue;
      inputs = changed as Record<string, unknown>;
      applyInputs(attempt, inputs);
    } catch (error) {
      throw waits.isCancellation(error) || isPause(error) ? error : hookError("preExecute", attempt, error);
    }
  }
  let result: unknown;
  try {
    result = yield* execute();
  } catch (error) {
    if (!waits.isCancellation(error) && !isPause(error)) yield* callOnError(hooks, attempt, waits, inputs, error);
    throw error;
  }
  for (const hook of hooks) {
    try {
      const changed = yield* waits.wait(
        attempt.within(() => hook.postExecute?.(spec, inputs, result, ctx)),
        'hook "postExecute"',
      );
      if (changed !== undefined) result = changed;
    } catch (error) {
      throw waits.isCancellation(error) || isPause(error) ? error : hookError("postExecute", attempt, error);
    }
  }
  return result;
}

function* callOnError(
  hooks: readonly NodeHooks[],
  attempt: HookedAttempt,
  waits: CancelScope,
  inputs: Record<string, unknown>,
  failure: unknown,
): Coroutine<void> {
  for (const hook of hooks) {
    try {
      yield* waits.wait(
        attempt.within(() => hook.onError?.(attempt.spec, inputs, failure, attempt.ctx)),
        'hook "onError"',
      );
    } catch (error) {
      if (waits.isCancellation(error) || isPause(error)) throw error;
      throw hookError("onError", attempt, error, { error: failure });
    }
  }
}

function applyInputs({ spec, args }: HookedAttempt, inputs: Record<string, unknown>): void {
  if (typeof inputs !== "object" || inputs === null) {
    throw new TypeError("preExecute must return a record of inputs, or nothing.");
  }
  const sourceName = sourceNames(spec, args, inputs);
  checkNames(spec, args, inputs, sourceName);
  args.forEach((_, position) => {
    const read = inputName(spec.signature, position);
    const name = read === undefined ? undefined : (sourceName?.get(read) ?? read);
    if (name !== undefined && Object.hasOwn(inputs, name)) args[position] = inputs[name];
  });
}

/** @throws {TypeError} for an unknown input */
function checkNames(
  spec: NodeSpec,
  args: readonly unknown[],
  inputs: Readonly<Record<string, unknown>>,
  sourceName: ReadonlyMap<string, string> | undefined,
): void {
  const names = Object.keys(namedInputs(spec.signature, args));
  const known = new Set([...names, ...(sourceName?.values() ?? [])]);
  const unknown = Object.keys(inputs).find((name) => !known.has(name));
  if (unknown === undefined) return;
  throw new TypeError(
    `it returned "${unknown}", which is not an input of node "${spec.name}".${paramHint(unknown, names)}`,
  );
}

/**
 * Maps each parameter's compiled name to the name under which a hook returned it, since compilers number some (`x`
 * becomes `x2`) and hooks may use either; undefined when none is numbered.
 */
function sourceNames(
  spec: NodeSpec,
  args: readonly unknown[],
  inputs: Readonly<Record<string, unknown>>,
): Map<string, string> | undefined {
  const { signature } = spec;
  if (signature.numbered === undefined) return undefined;
  const before = namedInputs(signature, args);
  // A hook that sets `x` in a copy of its inputs leaves the old value under `x2`.
  const isNew = (name: string) => Object.hasOwn(inputs, name) && inputs[name] !== before[name];
  const names = resolvedNames(signature, isNew);
  return new Map(paramNames(signature).map((read, i) => [read, names[i]]));
}

function hookError(
  hook: keyof NodeHooks,
  { label, siteOf }: HookedAttempt,
  error: unknown,
  earlier?: { readonly error: unknown },
): ExecutionError {
  const before = earlier === undefined ? "" : `, after the node itself had failed: ${messageOf(earlier.error)}`;
  const message = `Hook "${hook}" of ${label} threw: ${asSentence(`${messageOf(error)}${before}`)} Correct the hook.`;
  const cause = earlier === undefined ? error : new AggregateError([earlier.error, error], message);
  return new ExecutionError(message, siteOf(cause));
}
