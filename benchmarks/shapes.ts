/** A graph: for each node, the nodes that it needs, all of them before it. */
export type Shape = readonly (readonly number[])[];

export const shapes: Readonly<Record<string, (size: number) => Shape>> = {
  /** Each node needs the one before it. */
  chain: (size) => Array.from({ length: size }, (_, i) => (i === 0 ? [] : [i - 1])),
  /** All nodes need the first one. */
  wide: (size) => Array.from({ length: size }, (_, i) => (i === 0 ? [] : [0])),
  /** Layers of 100 nodes; each node needs three of the layer before. */
  layered: (size) =>
    Array.from({ length: size }, (_, i) => {
      const layer = Math.floor(i / 100) - 1;
      return layer < 0 ? [] : [0, 1, 7].map((shift) => layer * 100 + ((i + shift) % 100));
    }),
  /** Diamonds in a row: one node, two that need it, one that needs both. */
  diamonds: (size) =>
    Array.from({ length: size }, (_, i) => {
      if (i === 0) return [];
      return i % 3 === 0 ? [i - 2, i - 1] : [i - (i % 3)];
    }),
};

/** The function of every node: one more than the sum of its needs, modulo 65,536. */
export const compute = (a = 0, b = 0, c = 0): number => (a + b + c + 1) & 0xffff;
export const computeAsync = async (a = 0, b = 0, c = 0): Promise<number> => (a + b + c + 1) & 0xffff;

/** The correct answer: the sum of the results of all nodes. */
export function answer(shape: Shape): number {
  return sum(trimmedLoop(shape));
}

/** Any graph as a loop over its nodes: one rule for all nodes. */
export function loop(shape: Shape): number[] {
  const results: number[] = [];
  for (const needs of shape) results.push(compute(...needs.map((need) => results[need])));
  return results;
}

/** The loop without argument lists, for known numbers of needs: the least that any engine could do. */
export function trimmedLoop(shape: Shape): number[] {
  const results = new Array<number>(shape.length);
  for (let i = 0; i < shape.length; i++) {
    const needs = shape[i];
    if (needs.length === 0) results[i] = compute();
    else if (needs.length === 1) results[i] = compute(results[needs[0]]);
    else if (needs.length === 2) results[i] = compute(results[needs[0]], results[needs[1]]);
    else results[i] = compute(results[needs[0]], results[needs[1]], results[needs[2]]);
  }
  return results;
}

export function sum(values: Iterable<unknown>): number {
  let total = 0;
  for (const value of values) total += value as number;
  return total;
}
