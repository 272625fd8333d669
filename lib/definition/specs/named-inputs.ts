import { suggestion } from "../../base/nearest.js";
import { minifiedHint } from "./minified-names.js";
import { originalNames, withoutNumber } from "./original-names.js";
import type { Signature } from "./signature.js";

/** The names of the parameters, without the context. An unnamed parameter is named by its position. */
export function paramNames({ inputs }: Signature): string[] {
  return inputs.map(({ name }, i) => name ?? String(i));
}

/** {@link paramNames} with the names that `isKnown` accepts instead of numbered ones, see {@link originalNames}. */
export function resolvedNames({ inputs, numbered }: Signature, isKnown: (name: string) => boolean): string[] {
  const names = numbered === undefined ? inputs.map(({ name }) => name) : originalNames(numbered, isKnown);
  return names.map((name, i) => name ?? String(i));
}

/** The index of an input by its name, numbered or not; -1 if there is none. */
export function inputNamed({ inputs, numbered }: Signature, wanted: string): number {
  if (numbered === undefined) return inputs.findIndex(({ name }) => name === wanted);
  return originalNames(numbered, (name) => name === wanted).indexOf(wanted);
}

/** The number of parameters, including the context. */
export function paramCount({ inputs, contextAt }: Signature): number {
  return inputs.length + (contextAt < 0 ? 0 : 1);
}

/** A hint for messages about an unknown parameter: the nearest name, or all names. */
export function paramHint(wanted: string, names: readonly string[]): string {
  return suggestion(wanted, names) || ` It takes: ${names.join(", ") || "none"}.${minifiedHint(names)}`;
}

/** The name of the argument at `position` in a record of inputs; undefined for the context. */
export function inputName({ contextAt, inputs, extra }: Signature, position: number): string | undefined {
  if (position === contextAt) return undefined;
  const index = contextAt >= 0 && position > contextAt ? position - 1 : position;
  return index < inputs.length ? (inputs[index].name ?? String(index)) : extra ? undefined : String(index);
}

/**
 * The inputs of a call by parameter name, without the context, as a record without a prototype. Inputs with names that
 * a compiler may have numbered are also available by their original names, as non-enumerable properties.
 */
export function namedInputs(signature: Signature, args: readonly unknown[]): Record<string, unknown> {
  const inputs = Object.create(null) as Record<string, unknown>;
  args.forEach((value, position) => {
    const name = inputName(signature, position);
    if (name !== undefined) inputs[name] = value;
  });
  return withAliases(inputs, signature);
}

/** Converts a record of inputs with original or numbered names to the form of {@link namedInputs}. */
export function asNamedInputs(
  signature: Signature,
  given: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  if (signature.numbered === undefined) return given;
  const names = resolvedNames(signature, (name) => Object.hasOwn(given, name));
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

/** The names of numbered inputs, each with its original. */
function aliases({ numbered }: Signature): (readonly [name: string, original: string])[] {
  if (numbered === undefined) return NONE;
  const originals = new Set(numbered.flatMap((name) => Array.from(withoutNumber(name ?? ""))));
  return Array.from(originals).flatMap((original) => {
    const at = originalNames(numbered, (name) => name === original).indexOf(original);
    return at < 0 || numbered[at] === original ? [] : [[numbered[at] as string, original] as const];
  });
}

const NONE: never[] = [];
