/**
 * A spreadsheet as a live dag: each cell with a formula becomes a node, each cell with a number an input. A change
 * computes only the cells that depend on it.
 *
 * Prints:
 *
 *     C1 = 20
 *     C2 = 15
 *     C3 = 35
 *     C4 = 42
 *     — B1 := 3
 *     C1 = 30
 *     C3 = 45
 *     C4 = 54
 *     — A1 := 6, B1 := 5
 *     computed: C1
 *     — B2 := 0
 *     C2: B2 must not be 0
 */
import { Dag } from "dagwright";

const sheet: Record<string, number | string> = {
  A1: 10,
  B1: 2,
  A2: 30,
  B2: 2,
  C1: "A1 * B1",
  C2: "A2 / B2",
  C3: "C1 + C2",
  C4: "C3 * 1.2",
};

let computed: string[] = [];

/** Computes a formula: two cells or numbers, and an operator between them. */
function compute(operator: string, a: number, b: number, divisor: string): number {
  if (operator === "+") return a + b;
  if (operator === "-") return a - b;
  if (operator === "*") return Math.round(a * b * 100) / 100;
  if (b === 0) throw new Error(`${divisor} must not be 0`);
  return a / b;
}

const dag = new Dag<Record<string, number>, Record<string, number>>("sheet");
for (const [cell, formula] of Object.entries(sheet)) {
  if (typeof formula === "number") continue;
  const [left, operator, right] = formula.split(" ");
  const params = [left, right].filter((term) => term in sheet);
  // A parameter takes the cell of its name: the result of a node, or an input.
  dag.node(cell, { params }, (...values: number[]) => {
    computed.push(cell);
    const [a, b] = [left, right].map((term) => (term in sheet ? values[params.indexOf(term)] : Number(term)));
    return compute(operator, a, b, right);
  });
}

const numbers = Object.entries(sheet).filter((entry): entry is [string, number] => typeof entry[1] === "number");
await using live = dag.live({ inputs: Object.fromEntries(numbers) });
for (const cell of dag) {
  live.subscribe(cell, (value) => {
    if (value !== undefined) console.log(`${cell} = ${value}`);
  });
}

/** Changes cells, and waits until the sheet is up to date. */
async function change(cells: Record<string, number>): Promise<void> {
  computed = [];
  console.log(
    `— ${Object.entries(cells)
      .map(([cell, value]) => `${cell} := ${value}`)
      .join(", ")}`,
  );
  live.set(cells);
  await live.settled();
}

await live.settled();
await change({ B1: 3 });
// The product stays the same, so nothing that depends on it is computed.
await change({ A1: 6, B1: 5 });
console.log(`computed: ${computed.join()}`);
await change({ B2: 0 });
for (const { node, cause } of live.errors) console.log(`${node}: ${(cause as Error).message}`);
