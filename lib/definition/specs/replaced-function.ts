import { InvalidNodeError } from "../../base/errors.js";
import { show } from "../../base/check.js";
import { withGuessedContext } from "./context-param.js";
import { paramNames } from "./named-inputs.js";
import { checkArity, collects, type NodeFunction, type NodeSpec } from "./node-spec.js";
import { readSignature, takesAnything } from "./params.js";
import type { Param, Signature } from "./signature.js";

/**
 * The spec with another function, whose parameters take their values from where those of the first one do, whatever
 * their names. Parameters beyond those are bound by their own names.
 * @param word - `Node` or `State`
 * @throws {InvalidNodeError} INVALID_NODE for a function with fewer parameters
 */
export function withFunction<S extends NodeSpec>(spec: S, fn: NodeFunction, word: "Node" | "State"): S {
  const { name, kind, needs, options } = spec;
  if (typeof fn !== "function") throw new InvalidNodeError(`${word} "${name}" needs a function; received ${show(fn)}.`);
  const signature = takesAnything(fn) ? spec.signature : replacedSignature(spec, fn, word);
  checkArity(kind, name, signature, needs);
  if (collects(kind, spec.signature) && !collects(kind, signature)) {
    throw new InvalidNodeError(
      `Node "${name}" takes its needs in one parameter, but the function in its place has several. Give it one.`,
    );
  }
  const params = signature === spec.signature ? options.params : namesToKeep(signature, fn, name);
  return Object.freeze({
    ...spec,
    fn,
    declared: fn,
    method: undefined,
    isReplaced: true,
    signature,
    options: Object.freeze({ ...options, params }),
  });
}

function replacedSignature({ name, kind, needs, signature: old }: NodeSpec, fn: NodeFunction, word: string): Signature {
  const read = withGuessedContext(readSignature(fn, undefined, name), kind, needs.length);
  if (read.inputs.length < old.inputs.length && !read.rest) {
    const count = (n: number) => `${n} parameter${n === 1 ? "" : "s"}`;
    throw new InvalidNodeError(
      `${word} "${name}" takes ${count(old.inputs.length)} (${paramNames(old).join(", ")}), but the function in its place ` +
        `takes ${read.inputs.length === 0 ? "none" : `only ${read.inputs.length}`}. Give it as many, or remove the ${word.toLowerCase()} and define it again.`,
    );
  }
  const kept = old.inputs.map((param, i): Param => {
    const own = read.inputs.at(i);
    return { name: param.name ?? own?.name, optional: own?.optional ?? param.optional };
  });
  const more = read.inputs.slice(old.inputs.length);
  return Object.freeze({
    ...read,
    inputs: Object.freeze([...kept, ...more]),
    numbered: old.numbered && Object.freeze([...old.numbered, ...more.map((param) => param.name)]),
    rest: read.rest || old.rest,
  });
}

/** The `params` of a function whose own parameters have other names; otherwise undefined. */
function namesToKeep(signature: Signature, fn: NodeFunction, node: string): readonly string[] | undefined {
  const { inputs, contextAt } = signature;
  const own = readSignature(fn, undefined, node).inputs;
  if (inputs.every(({ name }, i) => name === own.at(i)?.name)) return undefined;
  const names = inputs.map(({ name }, i) => name ?? String(i));
  return Object.freeze(contextAt < 0 ? names : names.toSpliced(contextAt, 0, "ctx"));
}
