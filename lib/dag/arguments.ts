import { show } from "../base/check.js";
import { isObject, ownValue } from "../base/objects.js";
import type { Binding, ChoiceCondition, DagPlan } from "../planning/plan.js";
import type { RunState } from "../run/state.js";
import { Status } from "../run/status.js";
import { conditionValue, innerValue } from "./choice-rules.js";
import { hasOutput } from "./outputs.js";

/** Thrown when a node's arguments can't be assembled. It becomes the node's failure. */
export class WiringFault extends Error {}

const NO_VALUES: readonly unknown[] = [];

/** The values of the run inputs, in the order of {@link DagPlan.inputs}; undefined where none was given. */
export function inputValues(plan: DagPlan, inputs: Readonly<Record<string, unknown>>): readonly unknown[] {
  if (plan.inputs.length === 0) return NO_VALUES;
  return plan.inputs.map(({ name }) => ownValue(inputs, name));
}

/** The items that nodes stream. */
interface Streams {
  stream(binding: Extract<Binding, { type: "stream" }>, node: number): unknown;
}

/** Finds the values of a node's arguments in the state of a run. */
export class Arguments {
  constructor(
    private readonly plan: DagPlan,
    private readonly state: RunState,
    private readonly runInputs: readonly unknown[],
    /** The streams of the nodes, if they stream items. */
    private readonly streams: Streams | undefined,
  ) {}

  /** One argument by its code, see {@link Binding}. `context` stands for the context. */
  value(code: number, node: number, context: unknown): unknown {
    if (code >= 0) return this.state.values[code];
    const binding = this.plan.bindings[~code];
    switch (binding.type) {
      case "context":
        return context;
      case "input":
        return this.runInputs[binding.input];
      case "output":
        return this.output(binding.source, binding.output, node);
      case "branch":
        return this.state.took(binding.source, binding.branch) ? this.state.values[binding.source] : undefined;
      case "record": {
        const record = Object.create(null) as Record<string, unknown>;
        binding.keys.forEach((key, position) => {
          record[key] = this.value(binding.codes[position], node, context);
        });
        return record;
      }
      case "list":
        return binding.codes.map((code) => this.value(code, node, context));
      case "winner": {
        const winner = this.state.facts.winners.get(node) as number;
        if (winner < 0) throw this.conditionFault(node);
        const needs = this.plan.anyNeeds.get(node) ?? [];
        return this.value(needs[winner].code, node, context);
      }
      case "event":
        return this.state.facts.payloads.get(node);
      case "stream":
        return this.streams?.stream(binding, node);
      case "inner":
        return innerValue(this.plan, this.state, binding.source, binding.path);
      case "undefined":
        return undefined;
    }
  }

  /** The values of a node's needs and inputs, in order: its arguments without payload and context. */
  inputs(node: number): unknown[] {
    const { argStart, args, bindings } = this.plan;
    const values: unknown[] = [];
    for (let k = argStart[node]; k < argStart[node + 1]; k++) {
      const type = args[k] < 0 ? bindings[~args[k]].type : undefined;
      if (type !== "context" && type !== "event") values.push(this.value(args[k], node, undefined));
    }
    return values;
  }

  /** All arguments of a node, in order. */
  all(node: number, context: unknown): unknown[] {
    const { argStart, args } = this.plan;
    const values: unknown[] = [];
    for (let k = argStart[node]; k < argStart[node + 1]; k++) values.push(this.value(args[k], node, context));
    return values;
  }

  /** The error of a `when` whose condition gave no boolean. */
  private conditionFault(node: number): WiringFault {
    const condition = this.plan.choices?.of.get(node)?.condition as ChoiceCondition;
    const { name } = this.plan.specs[node];
    // Throws if the result lacks the output.
    if (condition.code < 0) this.value(condition.code, node, undefined);
    const given = show(conditionValue(this.plan, this.state, condition));
    return new WiringFault(`The condition "${condition.text}" of "${name}" gave ${given}. It must give true or false.`);
  }

  private output(source: number, output: string, node: number): unknown {
    if (!this.state.hasResult(source)) return undefined;
    const result = this.state.values[source];
    if (this.state.status[source] === Status.failed) return null;
    if (hasOutput(result, output)) return (result as Record<string, unknown>)[output];
    const { specs } = this.plan;
    const has = isObject(result) ? Object.keys(result).slice(0, 20).join(", ") : "";
    throw new WiringFault(
      `Node "${specs[node].name}" needs "${specs[source].name}.${output}", but the result of "${specs[source].name}" ` +
        (isObject(result)
          ? `has only: ${has || "no outputs"}.`
          : `is ${result === null ? "null" : typeof result}, without outputs.`) +
        ` Correct the need, or return that output.`,
    );
  }
}
