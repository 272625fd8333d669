import { nowChecked } from "../base/clock.js";
import type { CircuitBreakerOptions } from "../definition/policy-options.js";
import { Shared } from "./shared.js";

const DEFAULT_THRESHOLD = 5;
const DEFAULT_RESET = 30_000;
const DEFAULT_PROBES = 1;

/** `closed`: calls go through. `open`: they fail at once. `half-open`: a few go through, as probes. */
export type CircuitState = "closed" | "open" | "half-open";

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
  private failures = 0;
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

  /** Lets a call through; undefined when it must fail at once. */
  enter({ halfOpenProbes = DEFAULT_PROBES }: CircuitBreakerOptions): Passage | undefined {
    const { state, period } = this;
    if (state === "closed") return { period };
    if (state === "open" || this.probes >= halfOpenProbes) return undefined;
    this.probes++;
    return { period };
  }

  succeeded({ period }: Passage): void {
    if (period !== this.period) return;
    if (this.reopensAt === undefined) this.failures = 0;
    else this.reset();
  }

  failed({ period }: Passage, options: CircuitBreakerOptions): void {
    if (period !== this.period) return;
    const { failureThreshold = DEFAULT_THRESHOLD, resetAfter = DEFAULT_RESET } = options;
    const isProbe = this.reopensAt !== undefined;
    if (!isProbe && ++this.failures < failureThreshold) return;
    this.begin();
    this.reopensAt = nowChecked() + resetAfter;
  }

  /** The call ended without an answer. */
  abandoned({ period }: Passage): void {
    if (period === this.period && this.reopensAt !== undefined) this.probes--;
  }

  /** Closes it. */
  reset(): void {
    this.begin();
    this.reopensAt = undefined;
  }

  private begin(): void {
    this.period++;
    this.failures = 0;
    this.probes = 0;
  }
}

/** The circuits of this process. */
export const circuits = new Shared(() => new Circuit());

/** The state of the circuit that nodes share under `circuitBreaker.key`; `closed` when none has been called yet. */
export function circuitState(key: string): CircuitState {
  return circuits.peek(key)?.state ?? "closed";
}

/** Closes the circuit that nodes share under `circuitBreaker.key`. */
export function resetCircuit(key: string): void {
  circuits.peek(key)?.reset();
}
