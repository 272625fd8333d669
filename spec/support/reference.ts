import type { ErrorStrategy } from "dagwright";

/** A dag as plain data: nodes in topological order, needs by name, and what each function does. */
export interface RandomNode {
  readonly name: string;
  readonly kind: "node" | "condition" | "select" | "all" | "any";
  readonly needs: readonly { readonly node: string; readonly branch?: string; readonly optional?: boolean }[];
  readonly after: readonly string[];
  readonly fails: boolean;
  /** The branch that a condition or select takes. */
  readonly branch: string;
  readonly isAsync: boolean;
}

export interface Expected {
  readonly status: "completed" | "failed";
  readonly statuses: Record<string, string>;
  readonly results: Record<string, unknown>;
}

/** The result of a node in a random dag: its name and its inputs. */
export const compute = (name: string, inputs: readonly unknown[]): unknown =>
  `${name}(${inputs.map(String).join(",")})`;

/** The result of a node in a run: a fork passes its first input on. */
export function defaultResult({ name, kind }: RandomNode, inputs: readonly unknown[]): unknown {
  return kind === "condition" || kind === "select" ? inputs[0] : compute(name, inputs);
}

/**
 * The rules of dags, implemented naively: one node after the other, in topological order, without promises.
 * An `any` takes the first of its needs, as declared, that completed.
 */
export function evaluate(
  nodes: readonly RandomNode[],
  strategy: Exclude<ErrorStrategy, "failFast">,
  resultOf: (node: RandomNode, inputs: readonly unknown[]) => unknown = defaultResult,
): Expected {
  const statuses: Record<string, string> = {};
  const results: Record<string, unknown> = {};
  const kinds = new Map(nodes.map((node) => [node.name, node]));
  const has = (name: string) => Object.hasOwn(results, name);
  const isAlive = ({ node, branch }: RandomNode["needs"][number]) =>
    has(node) && (branch === undefined || kinds.get(node)?.branch === branch || statuses[node] === "failed");
  for (const node of nodes) {
    const alive = node.needs.filter(isAlive);
    const isMet = node.kind === "any" ? alive.length > 0 : node.needs.every((need) => need.optional || isAlive(need));
    if (!isMet) {
      statuses[node.name] = "skipped";
      continue;
    }
    const given = node.needs.map((need) => (isAlive(need) ? results[need.node] : undefined));
    const inputs = node.kind === "any" ? [results[alive[0].node]] : given;
    statuses[node.name] = node.fails ? "failed" : "completed";
    if (node.fails && strategy === "continueNone") results[node.name] = null;
    if (node.fails) continue;
    results[node.name] = resultOf(node, inputs);
  }
  const failed = Object.values(statuses).includes("failed");
  return { status: failed ? "failed" : "completed", statuses, results };
}
