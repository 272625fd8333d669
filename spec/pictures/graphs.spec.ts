import { describe, expect, it } from "vitest";
import type { WorkflowGraph } from "dagwright";
import { choosing, etl, machine, mapped, nested, recorded } from "../support/pictured.js";

/** A graph in an order that does not depend on where it comes from. */
function sorted({ nodes, edges, ...rest }: WorkflowGraph): object {
  const texts = (edges as readonly object[]).map((edge) => JSON.stringify(edge, Object.keys(edge).sort()));
  return { ...rest, nodes: nodes.map(({ name, kind }) => [name, kind]), edges: texts.sort() };
}

describe("The graph of a workflow", () => {
  it("has the nodes and edges of a dag, and is that of its runs and their records", async () => {
    for (const [dag, options] of [
      [etl(), {}],
      [choosing(), {}],
      [mapped(), {}],
      [nested(), { inputs: { limit: 5 } }],
    ] as const) {
      const { graph } = dag;
      expect(graph).toMatchObject({ kind: "dag", workflow: dag.name, edges: dag.edges });
      expect(graph.nodes.map(({ spec }) => spec?.fn)).toEqual(Array.from(dag.nodes.values(), ({ fn }) => fn));
      expect((await dag.run({ ...options, mode: "async" })).graph).toEqual(graph);
      const record = (await recorded(dag, options)).graph;
      expect(sorted(record)).toEqual(sorted(graph));
      expect(record.nodes.every(({ spec }) => spec === undefined)).toBe(true);
    }
  });

  it("has the states and transitions of an fsm, and is that of its runs and their records", async () => {
    const fsm = machine();
    fsm.addTransition("packed", "shipped", (n: number) => n > 3);
    fsm.addTransition("packed", "packed");
    const { graph } = fsm;
    expect(graph).toMatchObject({ kind: "fsm", workflow: "order", initial: "created", edges: fsm.edges });
    expect(graph.terminal).toEqual(["delivered", "refunded", "cancelled", "failed"]);
    expect((await fsm.run()).graph).toEqual(graph);
    expect(sorted((await recorded(fsm)).graph)).toEqual(sorted(graph));
  });
});

it("A recorded map counts its items", async () => {
  const { nodes } = await recorded(mapped());
  expect(nodes.get("resize")!.items).toEqual({ total: 40, completed: 37, failed: 3, cached: 0 });
  expect(nodes.get("upload")!.items).toEqual({ total: 37, completed: 37, failed: 0, cached: 0 });
  expect(nodes.get("list")!.items).toBe(undefined);
});
