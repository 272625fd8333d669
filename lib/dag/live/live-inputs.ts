import type { DagPlan } from "../../planning/plan.js";

/** The changing inputs of a live dag. */
export class LiveInputs {
  private snapshot: Readonly<Record<string, unknown>> | undefined = undefined;

  /** @param values - in the order of the plan; changed in place */
  constructor(
    private readonly plan: DagPlan,
    private readonly values: unknown[],
  ) {}

  /** Sets an input by its number in the plan. Returns whether its value is another one than before. */
  set(input: number, value: unknown): boolean {
    if (Object.is(this.values[input], value)) return false;
    this.values[input] = value;
    this.snapshot = undefined;
    return true;
  }

  /** The present values by name, which don't change later. */
  now(): Readonly<Record<string, unknown>> {
    if (this.snapshot !== undefined) return this.snapshot;
    const record = Object.create(null) as Record<string, unknown>;
    this.plan.inputs.forEach(({ name }, input) => {
      if (this.values[input] !== undefined) record[name] = this.values[input];
    });
    return (this.snapshot = Object.freeze(record));
  }
}
