import { InvalidNodeError } from "../../base/errors.js";
import { show } from "../../base/check.js";
import { withGuessedContext } from "./context-param.js";
import { paramNames } from "./named-inputs.js";
import { casesOf } from "../switch.js";
import {
  checkArity,
  collects,
  isChoice,
  refuseFunctionOptions,
  workflowParts,
  type NodeFunction,
  type NodeSpec,
} from "./node-spec.js";
import { readSignature, takesAnything } from "./params.js";
import type { Param, Signature } from "./signature.js";
import { refuseInputs } from "./state-spec.js";
import { refuseEach, type Subworkflow } from "./subworkflow-spec.js";

/**
 * The spec with a workflow in the place of its function. Its positional needs fill the inputs of the workflow in order;
 * others go by their names.
 * @param word - `Node` or `State`
 * @throws {InvalidNodeError} INVALID_NODE for kinds, and options, that only functions have
 */
export function withWorkflow<S extends NodeSpec>(spec: S, subworkflow: Subworkflow, word: "Node" | "State"): S {
  const { name, kind, map, options } = spec;
  if (!["node", "workflow", "map", "state"].includes(kind)) {
    throw new InvalidNodeError(
      `Node "${name}" is ${/^[aeiou]/u.test(kind) ? "an" : "a"} ${kind}, so no workflow can take its place. Remove it and define it again.`,
    );
  }
  const others = { ...options, params: undefined };
  refuseFunctionOptions(others, `${word} "${name}"`);
  if (kind === "state") refuseInputs(subworkflow, name);
  refuseEach(subworkflow, `${word} "${name}"`);
  return Object.freeze({
    ...spec,
    ...workflowParts(subworkflow),
    kind: kind === "node" ? "workflow" : kind,
    map,
    isReplaced: false,
    options: Object.freeze(others),
  });
}

/** The spec of a workflow as if it were a function with parameters of the names of its inputs. */
function asFunction<S extends NodeSpec>(spec: S): S {
  if (spec.subworkflow === undefined) return spec;
  const inputs = spec.subworkflow.workflow.inputs.map(({ name, required }) => ({ name, optional: !required }));
  const kind = spec.kind === "workflow" ? "node" : spec.kind;
  return { ...spec, kind, subworkflow: undefined, signature: { ...spec.signature, inputs: Object.freeze(inputs) } };
}

/**
 * The spec with another function, whose parameters take their values from where those of the first one do, whatever
 * their names. Parameters beyond those are bound by their own names.
 * @param word - `Node` or `State`
 * @throws {InvalidNodeError} INVALID_NODE for a function with fewer parameters
 */
export function withFunction<S extends NodeSpec>(replaced: S, fn: NodeFunction, word: "Node" | "State"): S {
  const { name } = replaced;
  if (typeof fn !== "function") throw new InvalidNodeError(`${word} "${name}" needs a function; received ${show(fn)}.`);
  if (isChoice(replaced.kind)) {
    throw new InvalidNodeError(
      `Node "${name}" is a ${replaced.kind}, which has no function. Remove it and define it again.`,
    );
  }
  const spec = asFunction(replaced);
  const { kind, needs, options } = spec;
  const signature = signatureFor(spec, fn, word);
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

function signatureFor(spec: NodeSpec, fn: NodeFunction, word: string): Signature {
  if (casesOf(fn) !== undefined) return caseSignature(spec, fn);
  return takesAnything(fn) ? spec.signature : replacedSignature(spec, fn, word);
}

/** Cases take the value, the node's further inputs, and then the context. */
function caseSignature({ name, signature }: NodeSpec, fn: NodeFunction): Signature {
  const names = paramNames(signature);
  return readSignature(fn, names.length > 0 ? names : ["item"], name);
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
  if (casesOf(fn) === undefined && inputs.every(({ name }, i) => name === own.at(i)?.name)) return undefined;
  const names = inputs.map(({ name }, i) => name ?? String(i));
  return Object.freeze(contextAt < 0 ? names : names.toSpliced(contextAt, 0, "ctx"));
}
