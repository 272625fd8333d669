import fc from "fast-check";
import { Dag, optional } from "dagwright";

/** What the function of a node does. */
export type Act = "value" | "true" | "false" | "null" | "undefined" | "throw";

/** A dag with choices as plain data, in topological order. */
export interface ChoiceNode {
  readonly name: string;
  readonly kind: "node" | "condition" | "when" | "coalesce";
  /** Of a `when`: its condition, then, and else. */
  readonly needs: readonly { readonly node: string; readonly branch?: string; readonly optional?: boolean }[];
  readonly after: readonly string[];
  readonly act: Act;
  readonly isAsync: boolean;
}

export interface Expected {
  readonly status: "completed" | "failed";
  readonly statuses: Record<string, string>;
  readonly results: Record<string, unknown>;
  readonly errors: readonly string[];
}

/** Dags of up to `size` nodes: plain ones, conditions, whens and coalesces. */
export function randomChoices(size: number): fc.Arbitrary<ChoiceNode[]> {
  const seeds = fc.record({
    kind: fc.constantFrom("node", "node", "condition", "when", "when", "coalesce") as fc.Arbitrary<ChoiceNode["kind"]>,
    act: fc.constantFrom("value", "true", "false", "true", "false", "null", "undefined", "throw") as fc.Arbitrary<Act>,
    isAsync: fc.boolean(),
    // Mostly recent nodes, so that branches get deep.
    needs: fc.array(fc.record({ back: fc.nat(5), branch: fc.nat(2), optional: fc.nat(4) }), { maxLength: 4 }),
    after: fc.array(fc.nat(9), { maxLength: 1 }),
  });
  return fc.array(seeds, { minLength: 1, maxLength: size }).map((list) => {
    const nodes: ChoiceNode[] = [];
    list.forEach((seed, i) => {
      const picked =
        i === 0 ? [] : seed.needs.map((need) => ({ ...need, source: nodes[Math.max(0, i - 1 - need.back)] }));
      const least = { node: 0, condition: 0, when: 2, coalesce: 1 }[seed.kind];
      const kind = picked.length < least ? "node" : seed.kind;
      const needs = picked.slice(0, kind === "when" ? 3 : 4).map(({ source, branch, optional: n }) => ({
        node: source.name,
        branch: source.kind === "condition" && branch < 2 ? ["true", "false"][branch] : undefined,
        optional: kind === "node" && n === 0,
      }));
      const after = kind === "node" && i > 0 ? seed.after.map((back) => nodes[Math.max(0, i - 1 - back)].name) : [];
      const act = kind === "condition" && !["true", "throw"].includes(seed.act) ? "false" : seed.act;
      nodes.push({ name: `n${i}`, kind, needs, after, act, isAsync: seed.isAsync });
    });
    return nodes;
  });
}

/** Builds the dag with dagwright. @param started - told of each function that is called */
export function buildChoices(nodes: readonly ChoiceNode[], sync = false, started?: (name: string) => void): Dag {
  const dag = new Dag("choices");
  for (const { name, kind, needs, after, act, isAsync } of nodes) {
    const sources = needs.map(({ node, branch }) => (branch === undefined ? node : `${node}.${branch}`));
    if (kind === "when") {
      dag.when(name, { if: sources[0], then: sources[1], else: sources[2] });
    } else if (kind === "coalesce") {
      dag.coalesce(name, sources);
    } else {
      const given = sources.map((source, k) => (needs[k].optional === true ? optional(source) : source));
      const params = needs.map((_, k) => `p${k}`);
      const fn = (...all: unknown[]) => {
        started?.(name);
        const answer = () => perform(name, act, all.slice(0, params.length));
        return isAsync && !sync ? Promise.resolve().then(answer) : answer();
      };
      dag[kind as "node"](name, { needs: given, after, params }, fn as never);
    }
  }
  return dag;
}

function perform(name: string, act: Act, inputs: readonly unknown[]): unknown {
  if (act === "throw") throw new Error(`${name} fails`);
  if (act === "value") return `${name}(${inputs.map(String).join(",")})`;
  return { true: true, false: false, null: null, undefined: undefined }[act];
}

/** Whether nodes wait for one another: a condition, in the end, for what runs only if it holds. */
export function isCircular(nodes: readonly ChoiceNode[]): boolean {
  return !buildChoices(nodes).isValid;
}

type Need = ChoiceNode["needs"][number];

/**
 * The rules of choices, implemented naively: each node asks for what it waits for. What only a branch needs is found by
 * taking the branch away, and looking whether a sink can still be reached.
 */
export function evaluateChoices(nodes: readonly ChoiceNode[], strategy: "continue" | "continueNone"): Expected {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const statuses: Record<string, string> = {};
  const results: Record<string, unknown> = {};
  const uses = nodes.flatMap((to) => to.needs.map(({ node }, position) => ({ node, to, position })));
  const isSink = (name: string) => !uses.some(({ node }) => node === name);
  /** Whether a node can reach a sink without the branches of `choice` from `from` to `end`. */
  const isNeeded = (name: string, choice: string, from: number, end: number): boolean =>
    isSink(name) ||
    uses.some(
      ({ node, to, position }) =>
        node === name &&
        !(to.name === choice && position >= from && position < end) &&
        isNeeded(to.name, choice, from, end),
    );
  const has = (name: string) => (evaluate(name), Object.hasOwn(results, name));
  const isAlive = ({ node, branch }: Need) =>
    has(node) && (branch === undefined || statuses[node] === "failed" || byName.get(node)?.act === branch);
  const valueOf = (need: Need) => (isAlive(need) ? results[need.node] : undefined);
  const gaveNothing = (need: Need) => valueOf(need) === undefined || valueOf(need) === null;
  /** The condition of a `when`: a value that should be a boolean, or nothing. */
  const decision = ({ needs: [need] }: ChoiceNode): { value: unknown } | undefined => {
    if (!has(need.node)) return undefined;
    const source = byName.get(need.node) as ChoiceNode;
    if (source.kind !== "condition" || statuses[need.node] === "failed") return { value: results[need.node] };
    return { value: source.act === (need.branch ?? "true") };
  };
  const isBarred = (name: string): boolean =>
    nodes.some((choice) => {
      if (choice.kind === "when") {
        return choice.needs
          .slice(1)
          .some(
            (_, branch) =>
              !isNeeded(name, choice.name, branch + 1, branch + 2) && decision(choice)?.value !== (branch === 0),
          );
      }
      if (choice.kind !== "coalesce") return false;
      return choice.needs.some(
        (_, k) => k > 0 && !isNeeded(name, choice.name, k, Infinity) && !choice.needs.slice(0, k).every(gaveNothing),
      );
    });
  const fail = (name: string) => {
    statuses[name] = "failed";
    if (strategy === "continueNone") results[name] = null;
  };
  const complete = (name: string, value: unknown) => {
    statuses[name] = "completed";
    results[name] = value;
  };
  function evaluate(name: string): void {
    if (statuses[name] !== undefined) return;
    const node = byName.get(name) as ChoiceNode;
    const { kind, needs, act } = node;
    statuses[name] = "skipped";
    if (isBarred(name)) return;
    if (kind === "when") {
      const decided = decision(node);
      if (decided === undefined) return;
      if (typeof decided.value !== "boolean") return fail(name);
      const taken = needs[decided.value ? 1 : 2] as Need | undefined;
      if (taken !== undefined && isAlive(taken)) complete(name, results[taken.node]);
    } else if (kind === "coalesce") {
      const found = needs.find((need) => !gaveNothing(need));
      if (found !== undefined) complete(name, results[found.node]);
    } else if (needs.every((need) => need.optional === true || isAlive(need))) {
      if (act === "throw") return fail(name);
      const inputs = needs.map(valueOf);
      complete(name, kind === "condition" ? inputs[0] : perform(name, act, inputs));
    }
  }
  for (const { name } of nodes) evaluate(name);
  const isHandled = (name: string) =>
    nodes.some(
      ({ kind, name: choice, needs }) =>
        kind === "coalesce" && (needs.some(({ node }) => node === name) || !isNeeded(name, choice, 0, Infinity)),
    );
  const errors = nodes.map(({ name }) => name).filter((name) => statuses[name] === "failed" && !isHandled(name));
  return { status: errors.length > 0 ? "failed" : "completed", statuses, results, errors };
}
