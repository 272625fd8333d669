import { nowChecked } from "../base/clock.js";
import type { CircuitBreakerOptions } from "../definition/specs/policy-options.js";
import { PolicyRegistry } from "./policy-registry.js";

const DEFAULT_FAILURE_THRESHOLD = 5;
const DEFAULT_RESET_AFTER = 30_000;
const DEFAULT_HALF_OPEN_PROBES = 1;

/** `closed`: calls pass. `open`: they fail at once. `half-open`: a few pass as probes. */
export type CircuitState = "closed" | "open" | "half-open";

/** The state and the counters of a circuit with a key. */
export interface CircuitReport {
  /** The `circuitBreaker.key`. */
  readonly key: string;
  /** The state now. */
  readonly state: CircuitState;
  /** Failed calls since the last success, while the circuit is closed. */
  readonly failuresInRow: number;
  /** Calls that succeeded since the process started or {@link resetCircuit} was called. */
  readonly successes: number;
  /** Calls that failed since then. */
  readonly failures: number;
  /** Calls that were refused since then, because the circuit was open or all allowed probes were in flight. */
  readonly rejected: number;
  /** How long the circuit stays open, in ms; 0 unless it is open. */
  readonly retryAfter: number;
}

/** How a call changed its circuit. */
export type CircuitChange = "circuit.opened" | "circuit.closed";

/** Admits one call, which ends with `succeeded`, `failed` or `release`. */
export interface CircuitPermit {
  /** The circuit's generation when the call began. Outcomes from an earlier generation do not change its state. */
  readonly generation: number;
}

/**
 * A circuit breaker. It opens after a number of consecutive failures, and becomes half-open some time later: then the
 * first probe that succeeds closes it, and one that fails opens it again.
 *
 * Each call is judged by its own options, so nodes that share a circuit may have different ones. All methods cost
 * O(1).
 * Source: Nygard, "Release It!", 2007.
 */
export class Circuit {
  private failuresInRow = 0;
  private successes = 0;
  private failures = 0;
  private rejected = 0;
  /** Probes in flight. Meaningless while closed: closing starts a new generation. */
  private probes = 0;
  private generation = 0;
  /** When it becomes half-open, by the process clock in ms; undefined while closed. */
  private halfOpenAt: number | undefined;

  get state(): CircuitState {
    if (this.halfOpenAt === undefined) return "closed";
    return nowChecked() < this.halfOpenAt ? "open" : "half-open";
  }

  /** How long it stays open, in ms; 0 unless it is open. */
  get retryAfter(): number {
    return this.halfOpenAt === undefined ? 0 : Math.ceil(Math.max(0, this.halfOpenAt - nowChecked()));
  }

  report(key: string): CircuitReport {
    const { state, failuresInRow, successes, failures, rejected, retryAfter } = this;
    return { key, state, failuresInRow, successes, failures, rejected, retryAfter };
  }

  /** Admits a call; undefined when it is rejected. */
  tryAcquire({ halfOpenProbes = DEFAULT_HALF_OPEN_PROBES }: CircuitBreakerOptions): CircuitPermit | undefined {
    const { state, generation } = this;
    if (state === "closed") return { generation };
    if (state === "open" || this.probes >= halfOpenProbes) {
      this.rejected++;
      return undefined;
    }
    this.probes++;
    return { generation };
  }

  /** Records a success. Returns whether it closed the circuit. */
  succeeded({ generation }: CircuitPermit): boolean {
    this.successes++;
    if (generation !== this.generation) return false;
    this.failuresInRow = 0;
    if (this.halfOpenAt === undefined) return false;
    this.close();
    return true;
  }

  /** Records a failure. Returns whether it opened the circuit. */
  failed({ generation }: CircuitPermit, options: CircuitBreakerOptions): boolean {
    this.failures++;
    if (generation !== this.generation) return false;
    const { failureThreshold = DEFAULT_FAILURE_THRESHOLD, resetAfter = DEFAULT_RESET_AFTER } = options;
    const isProbe = this.halfOpenAt !== undefined;
    if (!isProbe && ++this.failuresInRow < failureThreshold) return false;
    this.startGeneration();
    this.halfOpenAt = nowChecked() + resetAfter;
    return true;
  }

  /** Ends a call that neither succeeded nor failed, such as a cancelled one. */
  release({ generation }: CircuitPermit): void {
    if (generation === this.generation) this.probes--;
  }

  /** Closes the circuit and resets its counters. */
  reset(): void {
    this.successes = this.failures = this.rejected = 0;
    this.close();
  }

  private close(): void {
    this.startGeneration();
    this.halfOpenAt = undefined;
  }

  private startGeneration(): void {
    this.generation++;
    this.failuresInRow = 0;
    this.probes = 0;
  }
}

/** All circuits of this process. */
export const circuitRegistry = new PolicyRegistry(() => new Circuit());

/** All circuits of this process that have a key, in order of first use. */
export function circuits(): CircuitReport[] {
  return Array.from(circuitRegistry.keyed(), ([key, circuit]) => circuit.report(key));
}

/** The state of the circuit with this `circuitBreaker.key`; `closed` before its first call. */
export function circuitState(key: string): CircuitState {
  return circuitRegistry.get(key)?.state ?? "closed";
}

/** Closes the circuit with this `circuitBreaker.key`, and resets its counters. */
export function resetCircuit(key: string): void {
  circuitRegistry.get(key)?.reset();
}
