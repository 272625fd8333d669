import { nowChecked } from "../base/clock.js";
import type { CircuitBreakerOptions } from "../definition/specs/policy-options.js";
import { Shared } from "./shared.js";

const DEFAULT_THRESHOLD = 5;
const DEFAULT_RESET = 30_000;
const DEFAULT_PROBES = 1;

/** `closed`: calls go through. `open`: they fail at once. `half-open`: a few go through, as probes. */
export type CircuitState = "closed" | "open" | "half-open";

/** What a circuit with a key has seen. */
export interface CircuitReport {
  readonly key: string;
  readonly state: CircuitState;
  /** How many calls failed since the last success, while it is closed. */
  readonly failuresInRow: number;
  /** Calls since the process began, or since {@link resetCircuit}: that succeeded, that failed, and that were turned away. */
  readonly successes: number;
  readonly failures: number;
  readonly rejected: number;
  /** How long it stays open, in ms; 0 when calls pass. */
  readonly retryAfter: number;
}

/** What a call has made of its circuit. */
export type CircuitChange = "circuit.opened" | "circuit.closed";

/** A call that was let through. */
export interface Passage {
  /** Which of the circuit's periods it belongs to: what comes back in a later one counts for nothing. */
  readonly period: number;
}

/**
 * Stops calling what keeps failing. Closed, it opens after so many failures in a row; open, it lets probes through after
 * a while; the first that succeeds closes it, one that fails opens it again.
 *
 * Each call is judged by its own settings, so that nodes which share a circuit may differ in them. All methods cost O(1).
 * Source: Nygard, "Release It!", 2007.
 */
export class Circuit {
  private failuresInRow = 0;
  private successes = 0;
  private failures = 0;
  private rejected = 0;
  /** Those under way; of use only until it closes, which begins another period. */
  private probes = 0;
  private period = 0;
  /** When probes may pass, an instant of the process' clock in ms; undefined while it is closed. */
  private reopensAt: number | undefined;

  get state(): CircuitState {
    if (this.reopensAt === undefined) return "closed";
    return nowChecked() < this.reopensAt ? "open" : "half-open";
  }

  /** In ms, until probes may pass. */
  get remaining(): number {
    return this.reopensAt === undefined ? 0 : Math.max(0, this.reopensAt - nowChecked());
  }

  report(key: string): CircuitReport {
    const { state, failuresInRow, successes, failures, rejected } = this;
    return { key, state, failuresInRow, successes, failures, rejected, retryAfter: Math.ceil(this.remaining) };
  }

  /** Lets a call through; undefined when it must fail at once. */
  enter({ halfOpenProbes = DEFAULT_PROBES }: CircuitBreakerOptions): Passage | undefined {
    const { state, period } = this;
    if (state === "closed") return { period };
    if (state === "open" || this.probes >= halfOpenProbes) {
      this.rejected++;
      return undefined;
    }
    this.probes++;
    return { period };
  }

  /** Says whether that has closed it. */
  succeeded({ period }: Passage): boolean {
    this.successes++;
    if (period !== this.period) return false;
    this.failuresInRow = 0;
    if (this.reopensAt === undefined) return false;
    this.close();
    return true;
  }

  /** Says whether that has opened it. */
  failed({ period }: Passage, options: CircuitBreakerOptions): boolean {
    this.failures++;
    if (period !== this.period) return false;
    const { failureThreshold = DEFAULT_THRESHOLD, resetAfter = DEFAULT_RESET } = options;
    const isProbe = this.reopensAt !== undefined;
    if (!isProbe && ++this.failuresInRow < failureThreshold) return false;
    this.begin();
    this.reopensAt = nowChecked() + resetAfter;
    return true;
  }

  /** The call ended without an answer. */
  abandoned({ period }: Passage): void {
    if (period === this.period) this.probes--;
  }

  /** Closes it, and counts anew. */
  reset(): void {
    this.successes = this.failures = this.rejected = 0;
    this.close();
  }

  private close(): void {
    this.begin();
    this.reopensAt = undefined;
  }

  private begin(): void {
    this.period++;
    this.failuresInRow = 0;
    this.probes = 0;
  }
}

/** The circuits of this process. */
export const sharedCircuits = new Shared(() => new Circuit());

/** The circuits of this process that have a key, in the order in which they were first used. */
export function circuits(): CircuitReport[] {
  return Array.from(sharedCircuits.keyed(), ([key, circuit]) => circuit.report(key));
}

/** The state of the circuit that nodes share under `circuitBreaker.key`; `closed` when none has been called yet. */
export function circuitState(key: string): CircuitState {
  return sharedCircuits.peek(key)?.state ?? "closed";
}

/** Closes the circuit that nodes share under `circuitBreaker.key`, and begins its counts anew. */
export function resetCircuit(key: string): void {
  sharedCircuits.peek(key)?.reset();
}
