import fc from "fast-check";
import { Dag, optional, type Context } from "dagwright";
import { compute, type RandomNode } from "./reference.js";

const BRANCHES = { condition: ["true", "false"], select: ["left", "right"] } as const;

/** Dags of up to `size` nodes of every kind, with random needs, branches, failures and asynchronous functions. */
export function randomDags(size: number): fc.Arbitrary<RandomNode[]> {
  const seeds = fc.record({
    kind: fc.constantFrom("node", "node", "all", "any", "condition", "select") as fc.Arbitrary<RandomNode["kind"]>,
    fails: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    isAsync: fc.boolean(),
    needs: fc.array(fc.record({ at: fc.nat(), branch: fc.nat(1), optional: fc.nat(4), bare: fc.boolean() }), {
      maxLength: 4,
    }),
    after: fc.array(fc.nat(), { maxLength: 2 }),
    branch: fc.nat(1),
  });
  return fc.array(seeds, { minLength: 1, maxLength: size }).map((list) => {
    const nodes: RandomNode[] = [];
    list.forEach((seed, i) => {
      const needs = new Map<string, RandomNode["needs"][number]>();
      for (const need of i === 0 ? [] : seed.needs) {
        const source = nodes[need.at % i];
        const branches = source.kind === "condition" || source.kind === "select" ? BRANCHES[source.kind] : undefined;
        const branch = branches === undefined || need.bare ? undefined : branches[need.branch];
        needs.set(source.name, { node: source.name, branch, optional: need.optional === 0 });
      }
      const isFork = seed.kind === "condition" || seed.kind === "select";
      const kind = needs.size === 0 && seed.kind === "any" ? "node" : seed.kind;
      nodes.push({
        name: `n${i}`,
        kind,
        needs: [...needs.values()],
        after: i === 0 ? [] : seed.after.map((at) => `n${at % i}`),
        fails: seed.fails,
        branch: isFork ? BRANCHES[seed.kind as "condition"][seed.branch] : "",
        isAsync: seed.isAsync,
      });
    });
    // A select may choose only branches that exist, so both get a node.
    for (const fork of [...nodes]) {
      if (fork.kind !== "select") continue;
      for (const branch of BRANCHES.select) {
        const name = `${fork.name}_${branch}`;
        const needs = [{ node: fork.name, branch }];
        nodes.push({ name, kind: "node", needs, after: [], fails: false, branch: "", isAsync: false });
      }
    }
    return nodes;
  });
}

interface BuildOptions {
  /** Makes all functions synchronous. */
  readonly sync?: boolean;
  /** Replaces the function of every node. @param answer - calls the original */
  readonly instead?: (node: RandomNode, ctx: Context, answer: () => unknown, inputs: readonly unknown[]) => unknown;
}

/** Builds the dag with dagwright. */
export function build(nodes: readonly RandomNode[], { sync = false, instead }: BuildOptions = {}): Dag {
  const dag = new Dag("random");
  for (const node of nodes) {
    const { name, kind, needs, after, fails, branch, isAsync } = node;
    const answer = (inputs: unknown[]) => {
      if (fails) throw new Error(`${name} fails`);
      if (kind === "condition") return branch === "true";
      return kind === "select" ? branch : compute(name, inputs);
    };
    const sources = needs.map(({ node, branch: b, optional: isOptional }) => {
      const need = b === undefined ? node : `${node}.${b}`;
      return isOptional && kind !== "any" ? optional(need) : need;
    });
    const params = kind === "any" ? ["winner"] : needs.map((_, i) => `p${i}`);
    if (kind === "all" && needs.length === 1) params[0] = "only";
    const fn = (...all: unknown[]) => {
      const inputs = all.slice(0, params.length);
      const answered = () =>
        instead === undefined
          ? answer(inputs)
          : instead(node, all[params.length] as Context, () => answer(inputs), inputs);
      if (!isAsync || sync) return answered();
      return Promise.resolve().then(answered);
    };
    dag[kind as "node"](name, { needs: sources, after, params }, fn as never);
  }
  return dag;
}
