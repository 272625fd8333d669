import { suggestion } from "../base/nearest.js";
import type { NodeSpec } from "./node-spec.js";
import type { Signature } from "./params.js";

/** The names of the parameters, but for the context; one without a name goes by its position. */
export function paramNames({ inputs }: Signature): string[] {
  return inputs.map(({ name }, i) => name ?? String(i));
}

/** What to say of a name that is no parameter's: the nearest that is, or all. */
export function paramHint(wanted: string, names: readonly string[]): string {
  return suggestion(wanted, names) || ` It takes: ${names.join(", ") || "none"}.`;
}

/** The name that a record of inputs has for the argument at `position`; undefined for the context. */
export function inputName({ signature }: NodeSpec, position: number): string | undefined {
  const { contextAt, inputs, extra } = signature;
  if (position === contextAt) return undefined;
  const index = contextAt >= 0 && position > contextAt ? position - 1 : position;
  return index < inputs.length ? (inputs[index].name ?? String(index)) : extra ? undefined : String(index);
}

/** A call's inputs by parameter name, in a record without a prototype; without the context. */
export function namedInputs(spec: NodeSpec, args: readonly unknown[]): Record<string, unknown> {
  const inputs = Object.create(null) as Record<string, unknown>;
  args.forEach((value, position) => {
    const name = inputName(spec, position);
    if (name !== undefined) inputs[name] = value;
  });
  return inputs;
}
