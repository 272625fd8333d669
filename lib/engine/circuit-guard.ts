import type { CancelScope } from "../base/cancel-scope.js";
import type { Coroutine } from "../base/coroutine.js";
import { isInstance } from "../base/safe-access.js";
import type { CircuitBreakerOptions } from "../definition/specs/policy-options.js";
import { circuitRegistry } from "../policies/circuit.js";
import { failureCallback } from "../policies/failure-callback.js";
import { CircuitOpenError, isErrorOf, QueueFullError, RetryExhaustedError } from "../run/errors.js";
import { isPause } from "../run/pause.js";
import type { AttemptHost } from "./host.js";

/**
 * Runs a node unless its circuit is open, and records in the circuit whether that failed. A node whose function was not
 * called, or that was cancelled or paused, does not count.
 * @throws {CircuitOpenError} when the circuit is open
 */
export function* guardedByCircuit(
  host: AttemptHost,
  scope: CancelScope,
  node: number,
  options: CircuitBreakerOptions,
  work: () => Coroutine,
): Coroutine {
  const { key } = options;
  const circuit = circuitRegistry.getOrCreate(key, host.workflow, host.specOf(node));
  const permit = circuit.tryAcquire(options);
  if (permit === undefined) {
    host.notAttempted(node);
    throw circuitOpen(host, node, key, circuit.retryAfter);
  }
  try {
    const value = yield* work();
    if (circuit.succeeded(permit)) host.circuitChanged(node, "circuit.closed", key);
    return value;
  } catch (error) {
    let failed: boolean;
    try {
      if (scope.isCancellation(error) || isPause(error) || wasNotCalled(host.siteOf(node, 0).runId, error)) throw error;
      failed = yield* isFailure(error, options, scope);
    } catch (own) {
      circuit.release(permit);
      throw own;
    }
    if (!failed && circuit.succeeded(permit)) host.circuitChanged(node, "circuit.closed", key);
    if (failed && circuit.failed(permit, options)) host.circuitChanged(node, "circuit.opened", key);
    throw error;
  }
}

/** Whether a circuit counts what a node's function threw. */
function* isFailure(error: unknown, { when }: CircuitBreakerOptions, scope: CancelScope): Coroutine<boolean> {
  if (when === undefined) return true;
  const thrown = isInstance(error, RetryExhaustedError) ? error.cause : error;
  return Boolean(yield* failureCallback("circuitBreaker.when", thrown, scope, () => when(thrown)));
}

/** Whether a node's function was not called in any attempt. */
function wasNotCalled(runId: string, error: unknown): boolean {
  if (isInstance(error, RetryExhaustedError)) return error.errors.every((each) => wasNotCalled(runId, each));
  if (!isErrorOf(runId, error)) return false;
  return error.attempt === 0 || isInstance(error, QueueFullError);
}

function circuitOpen(host: AttemptHost, node: number, key: string | undefined, retryAfter: number): CircuitOpenError {
  const name = key === undefined ? "its circuit" : `the circuit "${key}"`;
  const when = retryAfter > 0 ? `for ${retryAfter} ms more` : "while probes are under way";
  const message = `${host.labelOf(node)} was not called: ${name} is open ${when}, because calls kept failing. Try later.`;
  return new CircuitOpenError(message, host.siteOf(node, 0), key, retryAfter);
}
