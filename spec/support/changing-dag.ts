import fc from "fast-check";
import { Dag, optional } from "dagwright";

/** A node of a dag whose results depend on its inputs `a`, `b` and `c`. */
export interface ChangingNode {
  readonly kind: "node" | "all" | "any" | "condition" | "select";
  /** Sources by number, each with a branch if it is a fork. */
  readonly needs: readonly { readonly at: number; readonly branch: string | undefined; readonly isOptional: boolean }[];
  readonly after: readonly number[];
  readonly takes: readonly string[];
  /** Results are taken modulo this: the smaller, the more of them are equal. */
  readonly modulus: number;
  readonly isAsync: boolean;
  readonly nulls: boolean;
}

export const INPUTS = ["a", "b", "c"] as const;
const BRANCHES = { condition: ["true", "false"], select: ["left", "right"] } as const;

export function changingDags(size: number): fc.Arbitrary<ChangingNode[]> {
  const seeds = fc.record({
    kind: fc.constantFrom<ChangingNode["kind"]>("node", "node", "node", "all", "any", "condition", "select"),
    needs: fc.array(fc.record({ at: fc.nat(), branch: fc.nat(3), isOptional: fc.nat(4) }), { maxLength: 3 }),
    after: fc.array(fc.nat(), { maxLength: 1 }),
    takes: fc.subarray([...INPUTS], { maxLength: 2 }),
    modulus: fc.constantFrom(2, 3, 7, 1000),
    isAsync: fc.boolean(),
    nulls: fc.nat(3),
  });
  return fc.array(seeds, { minLength: 1, maxLength: size }).map((list) =>
    list.map(({ kind, needs, after, takes, modulus, isAsync, nulls }, i) => {
      const sources = new Map<number, ChangingNode["needs"][number]>();
      for (const need of i === 0 ? [] : needs) {
        const at = need.at % i;
        const source = list[at].kind;
        const isFork = (source === "condition" || source === "select") && (list[at].needs.length > 0 || at > 0);
        const branch = isFork && need.branch < 2 ? BRANCHES[source as "condition"][need.branch] : undefined;
        sources.set(at, { at, branch, isOptional: need.isOptional === 0 });
      }
      const own = kind === "any" && sources.size === 0 ? "node" : kind;
      return {
        kind: own,
        needs: [...sources.values()],
        after: i === 0 ? [] : after.map((at) => at % i),
        // An `any` or `all` with a single parameter collects all its needs.
        takes: own === "any" || (own === "all" && sources.size > 0) ? [] : takes,
        modulus,
        isAsync,
        nulls: nulls === 0,
      };
    }),
  );
}

/** @param called - hears of each call */
export function buildChanging(nodes: readonly ChangingNode[], called: (name: string) => void = () => {}): Dag {
  const dag = new Dag("changing");
  nodes.forEach(({ kind, needs, after, takes, modulus, isAsync, nulls }, i) => {
    const name = `n${i}`;
    const sources = needs.map(({ at, branch, isOptional }) => {
      const need = branch === undefined ? `n${at}` : `n${at}.${branch}`;
      return isOptional && kind !== "any" ? optional(need) : need;
    });
    const params = kind === "any" ? ["winner"] : [...needs.map((_, k) => `p${k}`), ...takes];
    const compute = (...values: unknown[]) => {
      const number = hash(name + JSON.stringify(values.slice(0, params.length)));
      if (number % 6 === 0) throw new Error(`${name} fails`);
      if (kind === "condition") return number % 2 === 0;
      if (kind === "select") return number % 2 === 0 ? "left" : "right";
      return number % modulus;
    };
    const fn = (...values: unknown[]) => {
      called(name);
      return isAsync ? Promise.resolve().then(() => compute(...values)) : compute(...values);
    };
    const options = {
      needs: sources,
      after: after.map((at) => `n${at}`),
      params,
      errorStrategy: nulls ? ("continueNone" as const) : undefined,
    };
    dag[kind as "node"](name, options, fn as never);
  });
  // Both branches of a select exist, so that it may take either.
  nodes.forEach(({ kind }, i) => {
    if (kind !== "select") return;
    for (const branch of BRANCHES.select)
      dag.node(`n${i}_${branch}`, { needs: [`n${i}.${branch}`], params: ["v"] }, (v: unknown) => v);
  });
  return dag;
}

function hash(text: string): number {
  let value = 7;
  for (const letter of text) value = (value * 31 + letter.charCodeAt(0)) >>> 0;
  return value;
}
