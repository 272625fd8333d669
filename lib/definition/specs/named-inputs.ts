import { suggestion } from "../../base/nearest.js";
import { minifiedHint } from "./minified-names.js";
import type { NodeSpec } from "./node-spec.js";
import { originalNames, withoutNumber } from "./original-names.js";
import type { Signature } from "./params.js";

/** The names of the parameters, but for the context; one without a name goes by its position. */
export function paramNames({ inputs }: Signature): string[] {
  return inputs.map(({ name }, i) => name ?? String(i));
}

/** The same, as the source has them where `isMeant` says which are meant; see {@link originalNames}. */
export function meantNames({ inputs, numbered }: Signature, isMeant: (name: string) => boolean): string[] {
  const names = numbered === undefined ? inputs.map(({ name }) => name) : originalNames(numbered, isMeant);
  return names.map((name, i) => name ?? String(i));
}

/** The index of the input of this name, which may be that of the source; -1 when there is none. */
export function inputNamed({ inputs, numbered }: Signature, wanted: string): number {
  if (numbered === undefined) return inputs.findIndex(({ name }) => name === wanted);
  return originalNames(numbered, (name) => name === wanted).indexOf(wanted);
}

/** How many parameters there are, the context among them. */
export function paramCount({ inputs, contextAt }: Signature): number {
  return inputs.length + (contextAt < 0 ? 0 : 1);
}

/** What to say of a name that is no parameter's: the nearest that is, or all. */
export function paramHint(wanted: string, names: readonly string[]): string {
  return suggestion(wanted, names) || ` It takes: ${names.join(", ") || "none"}.${minifiedHint(names)}`;
}

/** The name that a record of inputs has for the argument at `position`; undefined for the context. */
export function inputName({ signature }: NodeSpec, position: number): string | undefined {
  const { contextAt, inputs, extra } = signature;
  if (position === contextAt) return undefined;
  const index = contextAt >= 0 && position > contextAt ? position - 1 : position;
  return index < inputs.length ? (inputs[index].name ?? String(index)) : extra ? undefined : String(index);
}

/**
 * A call's inputs by parameter name, in a record without a prototype; without the context. Those whose names a compiler may
 * have numbered are found, but not listed, by the names of the source too.
 */
export function namedInputs(spec: NodeSpec, args: readonly unknown[]): Record<string, unknown> {
  const inputs = Object.create(null) as Record<string, unknown>;
  args.forEach((value, position) => {
    const name = inputName(spec, position);
    if (name !== undefined) inputs[name] = value;
  });
  return withAliases(inputs, spec.signature);
}

/** Inputs by the names of the source, or by those that are read, as {@link namedInputs} gives them. */
export function asNamedInputs(
  signature: Signature,
  given: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  if (signature.numbered === undefined) return given;
  const names = meantNames(signature, (name) => Object.hasOwn(given, name));
  const inputs = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of Object.entries(given)) if (!names.includes(name)) inputs[name] = value;
  paramNames(signature).forEach((name, i) => {
    if (Object.hasOwn(given, names[i])) inputs[name] = given[names[i]];
  });
  return withAliases(inputs, signature);
}

function withAliases(inputs: Record<string, unknown>, signature: Signature): Record<string, unknown> {
  for (const [name, original] of aliases(signature)) {
    if (!Object.hasOwn(inputs, name) || Object.hasOwn(inputs, original)) continue;
    Object.defineProperty(inputs, original, { value: inputs[name], writable: true, configurable: true });
  }
  return inputs;
}

/** The other names of inputs, each with the one that is read. */
function aliases({ numbered }: Signature): (readonly [name: string, original: string])[] {
  if (numbered === undefined) return NONE;
  const originals = new Set(numbered.flatMap((name) => Array.from(withoutNumber(name ?? ""))));
  return Array.from(originals).flatMap((original) => {
    const at = originalNames(numbered, (name) => name === original).indexOf(original);
    return at < 0 || numbered[at] === original ? [] : [[numbered[at] as string, original] as const];
  });
}

const NONE: never[] = [];
