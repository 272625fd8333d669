import { instance } from "@viz-js/viz";
import { describe, expect, it } from "vitest";
import { Dag, Fsm, optional, subworkflow } from "dagwright";

const NASTY = ['say "hi"', "a-->b", "subgraph", "x]y[z", "<script>", "back\\slash", "two\nlines", "`{}|;#&%", "日本"];

function sample(): Dag {
  const dag = new Dag('my "dag"');
  dag.node("load", () => 1);
  dag.condition("check", { needs: ["load"] }, () => true);
  dag.node("yes", { needs: ["check.true"] }, (x: unknown) => x);
  dag.node("no", { needs: ["check.false"] }, (x: unknown) => x);
  dag.any("end", { needs: ["yes", "no"] }, (x: unknown) => x);
  dag.node("log", { needs: [optional("no")], after: ["end"] }, () => 1);
  return dag;
}

describe("A map", () => {
  it("is drawn as a parallelogram", () => {
    const dag = new Dag("maps");
    dag.map("each", (list: number) => list);
    expect(dag.toMermaid()).toContain('n0[/"each"/]');
    expect(dag.toDot()).toContain("shape=parallelogram");
  });
});

describe("toMermaid", () => {
  it("draws nodes by kind, branches as labels, optional needs dashed", () => {
    expect(sample().toMermaid()).toBe(
      [
        "flowchart TB",
        '  n0["load"]',
        '  n1{"check"}',
        '  n2["yes"]',
        '  n3["no"]',
        '  n4(["end"])',
        '  n5["log"]',
        "  n0 --> n1",
        '  n1 -->|"true"| n2',
        '  n1 -->|"false"| n3',
        "  n2 --> n4",
        "  n3 --> n4",
        "  n3 -.-> n5",
        "  n4 -.-> n5",
        "",
      ].join("\n"),
    );
  });

  it("colours a run by status and adds durations", async () => {
    const dag = sample();
    const text = dag.toMermaid({ run: await dag.run(), direction: "LR" });
    expect(text).toMatch(/^flowchart LR$/mu);
    expect(text).toMatch(/n0\["load<br\/>completed \d+(\.\d)? ms"\]/u);
    expect(text).toContain('n3["no<br/>skipped"]');
    expect(text).toMatch(/class n0,n1,n2,n4,n5 completed/u);
  });

  it("keeps names inside their labels", () => {
    const dag = new Dag("d");
    for (const name of NASTY) dag.node(name, () => 1);
    const lines = dag.toMermaid().trimEnd().split("\n").slice(1);
    expect(lines).toHaveLength(NASTY.length);
    for (const line of lines) expect(line).toMatch(/^ {2}n\d+\["(?:[\p{L}\p{N} _.,:+\-/()]|#\d+;)*"\]$/u);
    expect(lines[0]).toContain("say #34;hi#34;");
  });
});

describe("toDot", () => {
  it("is drawn by Graphviz with all nodes and edges, whatever the names", async () => {
    const dag = sample();
    for (const name of NASTY) dag.node(name, () => 1);
    const graphviz = await instance();
    const run = await dag.run();
    for (const text of [dag.toDot(), dag.toDot({ run, direction: "LR" })]) {
      const drawn = graphviz.renderJSON(text) as { name: string; objects: { label: string }[]; edges: unknown[] };
      expect(drawn.name).toBe('my "dag"');
      expect(drawn.edges).toHaveLength(7);
      expect(drawn.objects).toHaveLength(6 + NASTY.length);
    }
    expect(dag.toDot({ run })).toMatch(/n0 \[label="load\\ncompleted/u);
  });

  it("draws an invalid dag", () => {
    const dag = new Dag("d");
    dag.node("a", { needs: ["b"] }, (x: unknown) => x);
    dag.node("b", { needs: ["a"] }, (x: unknown) => x);
    expect(dag.toDot()).toContain("n0 -> n1");
  });

  it("refuses unknown options and invalid values", async () => {
    const dag = new Dag("d");
    dag.node("a", () => 1);
    const fsm = new Fsm("f");
    fsm.state("s", { initial: true }, () => 1);
    const [dagRun, fsmRun] = await Promise.all([dag.run(), fsm.run()]);
    for (const draw of [(o: any) => dag.toMermaid(o), (o: any) => dag.toDot(o)]) {
      expect(() => draw({ direction: 'LR\n  x["injected"]' })).toThrow(/"direction" must be one of "TB", "LR"/u);
      expect(() => draw({ runn: dagRun })).toThrow('Unknown option "runn" of a diagram. Did you mean "run"?');
      expect(() => draw({ run: fsmRun })).toThrow(/"run" must be the result of a run/u);
      expect(draw({ run: dagRun, direction: "LR" })).toContain("LR");
    }
    for (const draw of [(o: any) => fsm.toMermaid(o), (o: any) => fsm.toDot(o)]) {
      expect(() => draw({ direction: "sideways" })).toThrow(RangeError);
      expect(() => draw({ run: dagRun })).toThrow(/"run" must be the result of a run/u);
      expect(draw({ run: fsmRun, direction: "LR" })).toContain("LR");
    }
  });
});

describe("Workflows in nodes", () => {
  const nested = () => {
    const low = new Dag("low");
    low.node("only", () => 1);
    const mid = new Dag("mid");
    mid.node("deep", low);
    mid.node("sum", { needs: ["deep"] }, (n: number) => n);
    const fsm = new Fsm("machine");
    fsm.state("begin", { initial: true, terminal: true }, () => 1);
    const top = new Dag("top");
    top.node("load", () => 1);
    top.node('check "it"', { after: ["load"] }, mid);
    top.node("machine", fsm);
    top.node("ship", { needs: ['check "it".sum'] }, (n: number) => n);
    return top;
  };

  it("are subroutines in Mermaid", () => {
    expect(nested().toMermaid({ depth: 0 })).toBe(
      [
        "flowchart TB",
        '  n0["load"]',
        '  n1[["check #34;it#34;"]]',
        '  n2[["machine"]]',
        '  n3["ship"]',
        "  n0 -.-> n1",
        '  n1 -->|"sum"| n3',
        "",
      ].join("\n"),
    );
  });

  it("are subgraphs in Mermaid, to a depth", async () => {
    const dag = nested();
    const inner = ['    n1_1["sum"]', "    n1_0 --> n1_1", "  end"];
    expect(dag.toMermaid()).toBe(dag.toMermaid({ depth: 1 }));
    expect(dag.toMermaid()).toContain(['  subgraph n1["check #34;it#34;"]', '    n1_0[["deep"]]', ...inner].join("\n"));
    const deepest = ['    subgraph n1_0["deep"]', '      n2_0["only"]', "    end"];
    expect(dag.toMermaid({ depth: Infinity })).toContain([...deepest, ...inner].join("\n"));
    const coloured = dag.toMermaid({ depth: 2, run: await dag.run() });
    expect(coloured).toMatch(/class n0,n1,n1_0,n2_0,n1_1,n2,n3 completed/u);
  });

  it("have a double border in dot, and are clusters to a depth", async () => {
    const dag = nested();
    expect(dag.toDot()).toMatch(/n2 \[label="machine", peripheries=2\]/u);
    const viz = await instance();
    const { objects } = viz.renderJSON(dag.toDot({ depth: 2 })) as { objects: { name: string }[] };
    expect(objects.map(({ name }) => name).sort()).toEqual(
      ["cluster_n1", "cluster_n1_0", "n0", "n1", "n1_0", "n2_0", "n1_1", "n2", "n3"].sort(),
    );
  });

  it("that contain themselves are drawn once", () => {
    const dag: Dag<any> = new Dag("self");
    dag.node(
      "again",
      subworkflow(() => dag),
    );
    expect(dag.toMermaid({ depth: Infinity })).toBe('flowchart TB\n  n0[["again"]]\n');
  });

  it("refuse a wrong depth", () => {
    expect(() => nested().toMermaid({ depth: -1 })).toThrow(/"depth" of a diagram must be an integer/u);
  });
});
