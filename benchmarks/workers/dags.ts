import { Dag } from "dagwright";
import { compute, shapes, type Shape } from "../shapes.js";

/** The name of the backend, and of the queue, of all nodes. */
export const REMOTE = "remote";

/** A dag by its shape, or of nodes that need nothing, and which keep a processor busy if they are heavy; and its size. */
export type DagName = readonly [kind: "chain" | "layered" | "free" | "heavy", size: number];

export function shapeOf([kind, size]: DagName): Shape {
  return kind === "free" || kind === "heavy" ? Array.from({ length: size }, () => []) : shapes[kind](size);
}

/** A dag whose nodes workers execute. Both sides make the same one of its name. */
export function remoteDag(name: DagName): Dag {
  const dag = new Dag(name.join("-"), { autowire: false });
  const fn = name[0] === "heavy" ? busy : compute;
  shapeOf(name).forEach((needs, i) =>
    dag.node(`n${i}`, { needs: needs.map((need) => `n${need}`), backend: REMOTE }, fn),
  );
  return dag;
}

/** Takes about 20 ms. */
export function busy(): number {
  let x = 1;
  for (let i = 0; i < 800_000; i++) x = (x * 48_271) % 2_147_483_647;
  return x;
}
