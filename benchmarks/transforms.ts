/**
 * What do transforms cost as nodes, compared to the same functions written by hand?
 *
 * Runs 100,000 nodes in layers: records that are merged, fields that are read, booleans that are combined.
 */
import { Dag, transforms } from "dagwright";
import { round, takeTurns, verdict } from "./measure.js";
import { sum } from "./shapes.js";

const NODES = 100_000;

interface Point {
  readonly x: number;
  readonly y: number;
}
type Fn = (...operands: any[]) => unknown;

const { merge, field, and, not, coalesce, literal } = transforms;
const point: Point = { x: 1, y: 2 };

/** By kind: the transform, the same by hand, a value for each of its needs, and the number that the result counts for. */
const kinds: Record<
  string,
  readonly [transform: Fn, byHand: Fn, operands: readonly unknown[], count: (result: any) => number]
> = {
  merge: [merge, (a: Point, b: Point) => ({ ...a, ...b }), [point, { y: 3 }], ({ y }: Point) => y],
  field: [field("y"), ({ y }: Point) => y, [point], Number],
  and: [and, (a: boolean, b: boolean) => a && b, [true, true], Number],
  not: [not, (a: boolean) => !a, [false], Number],
  coalesce: [coalesce, (a: unknown, b: unknown) => a ?? b, [null, 1], Number],
  literal: [literal(1), () => 1, [], Number],
};

/** A dag of nodes that call `fn` on the operands, all of them with the first layer's values. */
function dagOf(fn: Fn, operands: readonly unknown[]): Dag<any> {
  const dag = new Dag<any>("transforms", { autowire: false });
  operands.forEach((operand, i) => dag.node(`operand${i}`, () => operand));
  const needs = operands.map((_, i) => `operand${i}`);
  for (let i = 0; i < NODES; i++) dag.node(`n${i}`, { needs }, fn as never);
  return dag.validateOrThrow();
}

let [transformed, byHand] = [0, 0];
for (const [name, [transform, hand, operands, count]] of Object.entries(kinds)) {
  const dags = { transforms: dagOf(transform, operands), "by hand": dagOf(hand, operands) };
  const run = (dag: Dag<any>) => () => dag.run({ mode: "async" });
  const times = await takeTurns(
    { transforms: run(dags.transforms), "by hand": run(dags["by hand"]) },
    {
      rounds: 11,
      expected: NODES * count(hand(...operands)),
      answerOf: ({ results }) =>
        sum(Object.keys(results).map((node) => (node.startsWith("n") ? count(results[node]) : 0))),
    },
  );
  transformed += times.transforms;
  byHand += times["by hand"];
  console.log(
    `${name}: ${round((times.transforms * 1e6) / NODES)} ns a node, by hand ${round((times["by hand"] * 1e6) / NODES)} ns`,
  );
}
verdict("100,000 transforms / 100,000 plain nodes", transformed / byHand, "≤", 1.05);
