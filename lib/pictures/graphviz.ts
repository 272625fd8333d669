import type * as Viz from "@viz-js/viz";
import { messageOf } from "../base/message.js";

/** An object of Graphviz' output: a box or a group. */
export interface PlacedObject {
  readonly name: string;
  /** The centre. */
  readonly pos?: string;
  /** Of a group: left, top, right and bottom. */
  readonly bb?: string;
}

/** An edge of Graphviz' output. */
export interface PlacedEdge {
  readonly id: string;
  /** Where the arrow ends, and the points of the curve. */
  readonly pos?: string;
  /** The centre of the label. */
  readonly lp?: string;
}

/** Graphviz' output, in pixels, with y downwards. */
export interface Placed {
  readonly bb: string;
  readonly objects?: readonly PlacedObject[];
  readonly edges?: readonly PlacedEdge[];
}

/**
 * Places a graph. Blocks its thread while it does.
 * @throws {Error} when the package @viz-js/viz, an optional peer dependency, is not installed
 */
export async function place(graph: Viz.Graph): Promise<Placed> {
  let viz: typeof Viz;
  try {
    viz = await import("@viz-js/viz");
  } catch (cause) {
    const message = `Pictures need the package @viz-js/viz, which can't be loaded: ${messageOf(cause)}. Run "npm install @viz-js/viz".`;
    throw new Error(message, { cause });
  }
  // An instance for each picture, so that its memory is freed.
  const graphviz = await viz.instance();
  const result = graphviz.render(graph, { format: "json0", yInvert: true });
  if (result.status === "success") return JSON.parse(result.output) as Placed;
  throw new Error(`Graphviz can't place the workflow: ${result.errors.map(({ message }) => message).join(" ")}`);
}
