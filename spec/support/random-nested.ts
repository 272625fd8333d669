import { Dag, Fsm, stop } from "dagwright";

/** Makes workflows at random, with others inside, to a depth. @param random - from 0 to 1 */
export function randomWorkflow(random: () => number, depth: number): Dag<any> | Fsm<any> {
  return random() < 0.3 ? randomFsm(random, depth) : randomDag(random, depth);
}

const upTo = (random: () => number, count: number) => Math.floor(random() * count);

/** Different names, as many as fit. */
function some(random: () => number, prefix: string, below: number, most: number): string[] {
  if (below === 0) return [];
  const names = Array.from({ length: upTo(random, most + 1) }, () => `${prefix}${upTo(random, below)}`);
  return Array.from(new Set(names));
}

function randomDag(random: () => number, depth: number): Dag<any> {
  const dag = new Dag<any>("dag");
  const size = 1 + upTo(random, 8);
  for (let i = 0; i < size; i++) {
    const [name, after] = [`n${i}`, some(random, "n", i, 2)];
    if (depth > 0 && random() < 0.4) dag.node(name, { after }, randomWorkflow(random, depth - 1) as Dag<any>);
    else if (random() < 0.2) dag.condition(name, { after }, () => true);
    else dag.node(name, { after }, () => 1);
  }
  return dag;
}

function randomFsm(random: () => number, depth: number): Fsm<any> {
  const fsm = new Fsm<any>("fsm", random() < 0.3 ? { errorState: "s0" } : {});
  const size = 1 + upTo(random, 6);
  for (let i = 0; i < size; i++) {
    const options = { initial: i === 0, to: some(random, "s", size, 3), terminal: random() < 0.2 };
    if (depth > 0 && random() < 0.3) fsm.state(`s${i}`, options, randomWorkflow(random, depth - 1) as Fsm<any>);
    else fsm.state(`s${i}`, options, () => stop());
  }
  return fsm;
}
