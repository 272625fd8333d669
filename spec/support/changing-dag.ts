import fc from "fast-check";
import { Dag, optional } from "dagwright";
import { turns } from "./waiting.js";

const KINDS = [
  "node",
  "all",
  "any",
  "condition",
  "select",
  "map",
  "generator",
  "workflow",
  "when",
  "coalesce",
] as const;
type Kind = (typeof KINDS)[number];

/** A node of a dag whose results depend on its inputs `a`, `b` and `c`. */
export interface ChangingNode {
  readonly kind: Kind;
  /** Sources by number, each with a branch if it is a fork, or with a result inside if it is a workflow. */
  readonly needs: readonly { readonly at: number; readonly branch: string | undefined; readonly isOptional: boolean }[];
  readonly after: readonly number[];
  readonly takes: readonly string[];
  /** Results are taken modulo this: the smaller, the more of them are equal. */
  readonly modulus: number;
  /** How many turns of the event loop it takes; -1 for a synchronous one, 0 for a promise that has settled. */
  readonly takesTurns: number;
  readonly nulls: boolean;
}

export const INPUTS = ["a", "b", "c"] as const;
const BRANCHES: Partial<Record<Kind, readonly string[]>> = {
  condition: ["true", "false"],
  select: ["left", "right"],
  workflow: ["first", "second"],
};

export function changingDags(size: number): fc.Arbitrary<ChangingNode[]> {
  const seeds = fc.record({
    kind: fc.constantFrom<Kind>("node", "node", ...KINDS),
    needs: fc.array(fc.record({ at: fc.nat(), branch: fc.nat(3), isOptional: fc.nat(4) }), { maxLength: 3 }),
    after: fc.array(fc.nat(), { maxLength: 1 }),
    takes: fc.subarray([...INPUTS], { maxLength: 2 }),
    modulus: fc.constantFrom(2, 3, 7, 1000),
    takesTurns: fc.constantFrom(-1, -1, 0, 1, 3),
    nulls: fc.nat(3),
  });
  const lists = fc.array(seeds, { minLength: 1, maxLength: size }).map((list) =>
    list.map(({ kind, needs, after, takes, modulus, takesTurns, nulls }, i) => {
      const sources = new Map<number, ChangingNode["needs"][number]>();
      for (const need of i === 0 ? [] : needs) {
        const at = need.at % i;
        const branch = BRANCHES[list[at].kind]?.[need.branch];
        sources.set(at, { at, branch, isOptional: need.isOptional === 0 });
      }
      const isBare = (kind === "any" || kind === "when" || kind === "coalesce") && sources.size === 0;
      const own = isBare ? "node" : kind;
      return {
        kind: own,
        needs: [...sources.values()],
        after: i === 0 ? [] : after.map((at) => at % i),
        // An `any` or `all` with a single parameter collects all its needs.
        takes: own === "any" || (own === "all" && sources.size > 0) ? [] : takes,
        modulus,
        takesTurns,
        nulls: nulls === 0,
      };
    }),
  );
  // A node after another one that only a branch needs makes a cycle with the choice.
  return lists.filter((nodes) => buildChanging(nodes).isValid);
}

/** @param called - hears of each call, with the name of the node; `n3[]` for an item of a map */
export function buildChanging(nodes: readonly ChangingNode[], called: (name: string) => void = () => {}): Dag {
  const dag = new Dag<any>("changing");
  nodes.forEach((node, i) => addChanging(dag, node, `n${i}`, called));
  // Both branches of a select exist, so that it may take either.
  nodes.forEach(({ kind }, i) => {
    if (kind !== "select") return;
    for (const branch of BRANCHES.select ?? [])
      dag.node(`n${i}_${branch}`, { needs: [`n${i}.${branch}`], params: ["v"] }, (v: unknown) => v);
  });
  return dag;
}

function addChanging(dag: Dag<any>, node: ChangingNode, name: string, called: (name: string) => void): void {
  const { kind, needs, after, takes, takesTurns, nulls } = node;
  const texts = needs.map(({ at, branch }) => (branch === undefined ? `n${at}` : `n${at}.${branch}`));
  const sources = texts.map((text, k) => (needs[k].isOptional && kind !== "any" ? optional(text) : text));
  const wiring = { needs: sources, after: after.map((at) => `n${at}`) };
  const params = kind === "any" ? ["winner"] : [...needs.map((_, k) => `p${k}`), ...takes];
  const options = { ...wiring, params, errorStrategy: nulls ? ("continueNone" as const) : undefined };
  /** A function of all its arguments but the context. */
  const functionOf = (own: string, result: (number: number) => unknown, parameters: readonly string[] = params) => {
    const compute = (values: unknown[]) => {
      const number = hash(own + JSON.stringify(values.slice(0, parameters.length)));
      if (number % 6 === 0) throw new Error(`${own} fails`);
      return result(number);
    };
    return (...values: unknown[]): unknown => {
      called(own);
      if (takesTurns < 0) return compute(values);
      return turns(takesTurns).then(() => compute(values));
    };
  };
  const modulo = (number: number) => number % node.modulus;
  switch (kind) {
    case "condition":
      return void dag.condition(name, options, functionOf(name, (number) => number % 2 === 0) as never);
    case "select":
      return void dag.select(
        name,
        options,
        functionOf(name, (number) => (number % 2 === 0 ? "left" : "right")) as never,
      );
    case "map": {
      dag.node(`${name}_list`, options, functionOf(`${name}_list`, (n) => [n % 3, n % 4, n % 5].slice(n % 4)) as never);
      const item = { needs: [`${name}_list`], params: ["item"], onItemError: nulls ? "skip" : "fail" } as const;
      return void dag.map(name, item, functionOf(`${name}[]`, modulo, ["item"]) as never);
    }
    case "generator": {
      const list = functionOf(name, (number) => [number % 2, modulo(number)].slice(number % 3));
      const sync = function* (...values: unknown[]) {
        yield* list(...values) as number[];
      };
      const later = async function* (...values: unknown[]) {
        yield* (await list(...values)) as number[];
      };
      return void dag.node(name, options, (takesTurns < 0 ? sync : later) as never);
    }
    case "workflow": {
      const inner = new Dag<any>(`inside-${name}`);
      inner.node("first", { params }, functionOf(`${name}.first`, modulo) as never);
      inner.node("second", { needs: ["first"], params: ["v"] }, functionOf(`${name}.second`, modulo, ["v"]) as never);
      return void dag.node(name, { ...wiring, errorStrategy: options.errorStrategy }, inner);
    }
    case "when": {
      dag.node(
        `${name}_if`,
        { params: takes },
        functionOf(`${name}_if`, (n) => (n % 9 === 1 ? n : n % 2 === 0), takes) as never,
      );
      return void dag.when(name, { if: `${name}_if`, then: texts[0], else: texts[1] } as never);
    }
    case "coalesce":
      return void dag.coalesce(name, texts as never);
    default:
      dag[kind as "node"](name, options, functionOf(name, modulo) as never);
  }
}

function hash(text: string): number {
  let value = 7;
  for (const letter of text) value = (value * 31 + letter.charCodeAt(0)) >>> 0;
  return value;
}
