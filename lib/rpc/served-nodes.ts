import type { IncomingHttpHeaders } from "node:http";
import { callWith } from "../definition/current-context.js";
import { paramHint, paramNames, resolvedNames } from "../definition/specs/named-inputs.js";
import { hasFunction } from "../definition/specs/node-spec.js";
import { suggestion } from "../base/nearest.js";
import type { Dag, NodeSpec } from "../index.js";
import { NotPlain, plainJson } from "../base/plain-json.js";
import { tryOr } from "../base/safe-access.js";
import { withinTrace } from "../base/within-trace.js";
import { RpcFailure } from "./rpc-failure.js";
import { ServedContext } from "./served-context.js";

/** The nodes of a workflow, as a server calls them: each by itself, without its policies. */
export class ServedNodes {
  constructor(private readonly dag: Dag<any, any, any>) {}

  /** The node at `/workflow/node`, or `/node`. @throws {RpcFailure} unimplemented */
  at(path: string): NodeSpec {
    const segments = path
      .split("/")
      .slice(1)
      .map((segment) => tryOr(() => decodeURIComponent(segment), segment));
    const { name, nodes } = this.dag;
    const wanted = segments.join("/");
    const spec = (segments[0] === name ? nodes.get(segments.slice(1).join("/")) : undefined) ?? nodes.get(wanted);
    if (spec === undefined) {
      const hint = suggestion(segments.at(-1) ?? "", nodes.keys());
      throw new RpcFailure(
        "unimplemented",
        `There is no node at "${path}".${hint} Nodes of "${name}" are at "/${name}/<node>".`,
      );
    }
    if (spec.subworkflow !== undefined || !hasFunction(spec)) {
      throw new RpcFailure("unimplemented", `Node "${spec.name}" of "${name}" has no function that can be called.`);
    }
    return spec;
  }

  /**
   * Calls a node.
   * @returns the body of the answer
   * @throws {RpcFailure} for inputs that it does not take, and a result that is no plain data; what the function throws
   */
  async call(
    spec: NodeSpec,
    inputs: Readonly<Record<string, unknown>>,
    headers: IncomingHttpHeaders,
    signal: AbortSignal,
  ): Promise<string> {
    const ctx = new ServedContext(headers, this.dag.name, spec.name, signal);
    const args = argumentsOf(spec, inputs, ctx);
    const { traceparent, tracestate } = headers as Readonly<Record<string, string | undefined>>;
    const work = (): unknown => callWith(ctx, spec, args);
    const trace = tracestate === undefined ? traceparent : traceparent && `${traceparent} ${tracestate}`;
    const result: unknown = await (trace === undefined ? work() : withinTrace(trace, work));
    if (result === undefined) return "{}";
    try {
      return `{"result":${plainJson(result, "result")}}`;
    } catch (error) {
      if (!(error instanceof NotPlain)) throw error;
      const message = `Node "${spec.name}" gave no answer: ${error.clause}. Return plain data.`;
      throw new RpcFailure("failed_precondition", message);
    }
  }
}

function argumentsOf(
  { name, signature }: NodeSpec,
  inputs: Readonly<Record<string, unknown>>,
  ctx: ServedContext,
): unknown[] {
  const names = resolvedNames(signature, (wanted) => Object.hasOwn(inputs, wanted));
  const known = paramNames(signature);
  for (const given of Object.keys(inputs)) {
    if (names.includes(given) || known.includes(given)) continue;
    throw new RpcFailure("invalid_argument", `Node "${name}" has no parameter "${given}".${paramHint(given, names)}`);
  }
  const args = names.map((wanted, i) => (Object.hasOwn(inputs, wanted) ? inputs[wanted] : inputs[known[i]]));
  if (signature.contextAt >= 0) args.splice(signature.contextAt, 0, ctx);
  else if (signature.extra) args.push(ctx);
  return args;
}
