import { checkName, checkOptions, checkRecord, type Rules } from "../base/check.js";
import { MissingInputError, ValidationError } from "../base/errors.js";
import { ownValue } from "../base/objects.js";
import { check } from "../base/standard-schema.js";
import { callWith } from "../definition/current-context.js";
import { asNamedInputs, paramHint, paramNames } from "../definition/specs/named-inputs.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import { invalidOutput } from "../engine/output-check.js";
import type { Context } from "../index.js";
import { contextFor, type ContextParts } from "./node-context.js";
import type { NamesOf, ReturnOf } from "./typed-workflow.js";
import { memberOf, workflowOf, type AnyWorkflow } from "./workflow-source.js";

/** The options of {@link runNode}. */
export interface RunNodeOptions {
  /** The arguments, by name of the parameter. Those without a default value are required. */
  readonly inputs?: Readonly<Record<string, unknown>> | undefined;
  /** What `ctx` has: `metadata`, `results` for `ctx.get`, `attempt`, `trigger` … The rest is as in a first attempt. */
  readonly context?: ContextParts | undefined;
}

const RULES: Rules<RunNodeOptions> = { inputs: checkRecord, context: "object" };

/**
 * Calls the function of one node or state, once, without a run around it: no other node runs, and no retry, cache,
 * fallback, timeout or hook applies. A result is checked by the schema of the node's `output`.
 * @param workflow - a dag, an fsm, an annotated class, or an instance of one
 * @returns what the function returns: a list of what a generator yields, the boolean or decision of a condition, the
 *   `next` of a state; the value of a workflow in the place of a function
 * @throws whatever the function throws; {ValidationError} when there is no such node, for inputs that it does not take, or
 *   a result that its schema refuses; {MissingInputError} listing the inputs that are not given
 */
export async function runNode<const W extends object, K extends NamesOf<W>>(
  workflow: W,
  node: K,
  options: RunNodeOptions = {},
): Promise<ReturnOf<W, K>> {
  checkOptions(options, RULES, "runNode");
  checkName("node", node);
  const { inputs = {}, context = {} } = options;
  const owner = workflowOf(workflow, "runNode");
  const spec = memberOf(owner, node);
  if (spec.kind === "when" || spec.kind === "coalesce") {
    throw new ValidationError(
      `Node "${node}" is a ${spec.kind}, which has no function. Run the workflow, or the nodes that it chooses from.`,
    );
  }
  if (spec.subworkflow !== undefined) return (await valueOf(spec, inputs)) as never;
  const ctx = contextFor(owner, node, context);
  const result = await callWith(ctx, { fn: standing(spec), self: spec.self }, argumentsOf(spec, inputs, ctx));
  return (await checkedResult(spec, await collected(result))) as never;
}

/** The function in the place of a method now, which may be a spy. */
function standing({ fn, self, method, isReplaced }: NodeSpec): NodeSpec["fn"] {
  if (method === undefined || isReplaced === true) return fn;
  return (self as Record<string, NodeSpec["fn"]>)[method];
}

function argumentsOf(spec: NodeSpec, given: Readonly<Record<string, unknown>>, ctx: Context): unknown[] {
  const { name, signature } = spec;
  const names = paramNames(signature);
  const inputs = asNamedInputs(signature, given);
  const isRest = (input: string) => signature.rest && /^\d+$/u.test(input);
  const unknown = Object.keys(inputs).find((input) => !names.includes(input) && !isRest(input));
  if (unknown !== undefined) {
    throw new ValidationError(`"${name}" takes no input "${unknown}".${paramHint(unknown, names)}`);
  }
  const missing = names.filter((input, i) => !Object.hasOwn(inputs, input) && !signature.inputs[i].optional);
  if (missing.length > 0) {
    const list = missing.map((input) => `"${input}"`).join(", ");
    const message = `"${name}" needs ${list}. Pass runNode(…, "${name}", { inputs: { ${missing[0]}: … } }).`;
    const issue = { severity: "error", code: "MISSING_INPUT", message, nodes: [name] } as const;
    throw new MissingInputError(message, missing, [issue]);
  }
  const args = names.map((input) => ownValue(inputs, input));
  const rest = Object.keys(inputs).filter((input) => !names.includes(input));
  if (signature.contextAt >= 0) args.splice(signature.contextAt, 0, ctx);
  args.push(...rest.map((input) => inputs[input]));
  if (signature.contextAt < 0 && signature.extra) args.push(ctx);
  return args;
}

/** The list of what a generator yields; other results stay what they are. */
async function collected(result: unknown): Promise<unknown> {
  const generator = result as Partial<AsyncGenerator> | null | undefined;
  const isGenerator = /^\[object (?:Async)?Generator\]$/u.test(Object.prototype.toString.call(generator));
  if (!isGenerator) return result;
  const items: unknown[] = [];
  for await (const item of generator as AsyncGenerator) items.push(item);
  return items;
}

async function checkedResult({ name, kind, options: { output } }: NodeSpec, result: unknown): Promise<unknown> {
  if (output === undefined || kind === "condition" || kind === "select" || kind === "state") return result;
  const checked = await check(output, result);
  if ("value" in checked) return checked.value;
  throw invalidOutput({ label: `Node "${name}"`, name }, checked.problems);
}

/** The value of a workflow in the place of a function. */
async function valueOf({ subworkflow }: NodeSpec, inputs: Readonly<Record<string, unknown>>): Promise<unknown> {
  const { workflow, options } = subworkflow as NonNullable<NodeSpec["subworkflow"]>;
  const run = await (workflow as unknown as AnyWorkflow).run({ inputs });
  return options.output === undefined ? run.value : (run as { get(name: string): unknown }).get(options.output);
}
