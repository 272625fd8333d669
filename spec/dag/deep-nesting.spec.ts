import { describe, expect, it } from "vitest";
import { CycleError, Dag, Fsm, subworkflow, ValidationError } from "dagwright";
import { failure } from "../support/waiting.js";

const DEPTH = 1000;

/** Dags in dags: each adds one to what the one inside gives. */
function nested(innermost: (n: number) => number = (n) => n + 1): Dag<any> {
  let inner = new Dag<any>("depth0");
  inner.node("sum", { params: ["n"] }, innermost);
  for (let depth = 1; depth <= DEPTH; depth++) {
    const outer = new Dag<any>(`depth${depth}`);
    outer.node("in", inner);
    outer.node("sum", { needs: ["in"] }, (n: number) => n + 1);
    inner = outer;
  }
  return inner;
}

describe("Workflows in workflows, a thousand levels deep", { tags: "slow" }, () => {
  it.each([{}, { mode: "async" }, { mode: "async", concurrency: 1 }] as const)("run with %j", async (options) => {
    const run = await nested().run({ ...options, inputs: { n: 0 } });
    expect(run.get("sum")).toBe(DEPTH + 1);
    expect(run.get(`${"in.".repeat(DEPTH)}sum`)).toBe(1);
    expect(run.get(`${"in.".repeat(DEPTH / 2)}sum`)).toBe(DEPTH / 2 + 1);
    expect(run.has(`${"in.".repeat(DEPTH)}nothing`)).toBe(false);
  });

  it("have a result at each level", async () => {
    let run: any = await nested().run({ inputs: { n: 0 } });
    for (let depth = DEPTH; depth >= 0; depth--) {
      expect(run.get("sum")).toBe(depth + 1);
      run = run.child("in");
    }
    expect(run).toBeUndefined();
  });

  it("are validated, tell their inputs, and are drawn", () => {
    const dag = nested();
    expect(dag.validate()).toEqual([]);
    expect(dag.inputs).toEqual([{ name: "n", required: true }]);
    expect(dag.toMermaid({ depth: Infinity }).match(/subgraph/gu)).toHaveLength(DEPTH);
    expect(dag.toDot({ depth: Infinity }).match(/subgraph/gu)).toHaveLength(DEPTH);
  });

  it("give needs of the innermost result", async () => {
    const dag = new Dag<any>("outer");
    dag.node("deep", nested());
    dag.node("taken", { needs: [`deep.${"in.".repeat(DEPTH)}sum`] }, (n: number) => n);
    expect((await dag.run({ inputs: { n: 0 } })).get("taken")).toBe(1);
  });

  it("share metadata and observers", async () => {
    let started = 0;
    const dag = nested();
    const observer = ({ type }: { type: string }) => void (started += type === "run.started" ? 1 : 0);
    await dag.run({ inputs: { n: 0 }, observers: [observer], metadata: { by: "spec" } });
    expect(started).toBe(DEPTH + 1);
  });

  it("tell where they failed", async () => {
    const dag = nested(() => {
      throw new Error("deep");
    });
    const error = await failure(dag.run({ inputs: { n: 0 } }));
    expect(error.path).toEqual([...Array.from({ length: DEPTH }, () => "in"), "sum"]);
    expect(error.message).toBe(`depth${DEPTH} › ${"in › ".repeat(DEPTH)}sum failed: deep. See the cause.`);
  });

  it("begin nothing more once the outermost has failed", async () => {
    let calls = 0;
    const dag = new Dag<any>("outer");
    dag.node(
      "deep",
      nested((n) => n + ++calls),
    );
    dag.node("fails", () => {
      throw new Error("beside it");
    });
    const error = await failure(dag.run({ mode: "async", inputs: { n: 0 } }));
    expect(error.node).toBe("fails");
    expect(error.run.nodes.get("deep").status).toBe("cancelled");
    expect(calls).toBe(0);
  });

  it("see changes of the innermost", () => {
    let innermost: any = nested();
    const dag = innermost as Dag<any>;
    while (innermost.subworkflows.size > 0) innermost = innermost.subworkflows.get("in").workflow;
    expect(dag.isValid).toBe(true);
    innermost.node("more", { needs: ["nothing"] }, () => 1);
    expect(dag.isValid).toBe(false);
    innermost.removeNode("more");
    expect(dag.isValid).toBe(true);
  });

  it("may be fsms", async () => {
    let inner: any = new Dag<any>("inner");
    inner.node("one", () => 1);
    for (let depth = 0; depth < DEPTH; depth++) {
      const fsm = new Fsm<any>("machine");
      fsm.state("s", { initial: true }, inner);
      inner = fsm;
    }
    const run = await inner.run();
    expect(run.get(`${"s.".repeat(DEPTH)}one`)).toBe(1);
  });
});

describe("runSync", () => {
  /** Workflows in workflows, as `around` puts one into another. */
  function levels(count: number, around: (inner: Dag<any> | Fsm<any>, name: string) => Dag<any> | Fsm<any>) {
    let workflow: Dag<any> | Fsm<any> = new Dag<any>("level1");
    workflow.node("one", (item = 1) => item);
    for (let level = 2; level <= count; level++) workflow = around(workflow, `level${level}`);
    return workflow;
  }

  it.each<[string, Parameters<typeof levels>[1]]>([
    [
      "nodes with policies",
      (inner, name) => {
        const dag = new Dag<any>(name);
        dag.node("in", { retry: 1, hooks: { preExecute: () => {} } }, inner);
        return dag;
      },
    ],
    [
      "items of maps",
      (inner, name) => {
        const dag = new Dag<any>(name);
        dag.node("list", (item = 1) => [item]);
        dag.map("in", { needs: ["list"], retry: 1 }, inner);
        return dag;
      },
    ],
    [
      "states",
      (inner, name) => {
        const fsm = new Fsm<any>(name);
        fsm.state("in", { initial: true, to: [], retry: 1 }, inner);
        fsm.addTerminalState("in");
        return fsm;
      },
    ],
  ])("runs a hundred levels of %s, and refuses more", (_, around) => {
    expect(levels(100, around).runSync().status).toBe("completed");
    expect(() => levels(101, around).runSync()).toThrow(
      'runSync runs at most 100 levels of workflows inside each other, and "level101" has 101. Use run instead.',
    );
  });
});

describe("A workflow that contains itself", () => {
  it("a thousand levels below is refused, with the way", () => {
    const dags = Array.from({ length: DEPTH }, (_, i) => new Dag<any>(`d${i}`));
    dags.forEach((dag, i) =>
      dag.node(
        "in",
        subworkflow(() => dags[(i + 1) % DEPTH]),
      ),
    );
    expect(() => dags[0].validateOrThrow()).toThrow(CycleError);
    expect(() => dags[0].validateOrThrow()).toThrow(/"d0" contains itself: d0 › in › .* 990 more .* › in/u);
  });

  it("through a state is refused, with the way", () => {
    const dag = new Dag<any>("dag");
    const fsm = new Fsm<any>("fsm");
    fsm.state("work", { initial: true }, dag);
    dag.node("machine", fsm);
    expect(() => dag.validateOrThrow()).toThrow(/"dag" contains itself: dag › machine › work\./u);
    expect(() => fsm.validateOrThrow()).toThrow(/"fsm" contains itself: fsm › work › machine\./u);
  });

  it("is valid again, at every level, when the way is cut anywhere", async () => {
    const [a, b, c] = ["a", "b", "c"].map((name) => new Dag<any>(name));
    a.node("x", b);
    b.node("y", c);
    c.node("z", () => 1);
    expect([a, b, c].map((dag) => dag.isValid)).toEqual([true, true, true]);
    c.node("back", a);
    expect([b, a, c].map((dag) => dag.isValid)).toEqual([false, false, false]);
    c.removeNode("back");
    expect([a, b, c].map((dag) => dag.isValid)).toEqual([true, true, true]);
    expect((await a.run()).get("x.y.z")).toBe(1);
  });
});

describe("A workflow that many nodes share", () => {
  it("is planned once, however many ways lead to it", () => {
    let inner = new Dag<any>("innermost");
    inner.node("one", () => 1);
    for (let level = 0; level < 60; level++) {
      const outer = new Dag<any>(`level${level}`);
      outer.node("left", inner);
      outer.node("right", inner);
      inner = outer;
    }
    expect(inner.isValid).toBe(true);
  });
});

describe("A function that makes a new workflow each time, around itself", () => {
  it("is refused, instead of being called for ever", { tags: "slow" }, async () => {
    const endless = (): Dag<any> => {
      const dag = new Dag<any>("endless");
      dag.node("in", subworkflow(endless));
      return dag;
    };
    const dag = endless();
    expect(() => dag.validate()).toThrow(
      /"endless" contains workflows more than 10000 levels deep: endless › .*ctx\.run/u,
    );
    await expect(dag.run()).rejects.toThrow(ValidationError);
  });
});

describe("A source that is no workflow", () => {
  it.each([
    ["undefined", () => undefined, /"in": A subworkflow must be a dag.*received undefined/su],
    ["a function", () => () => new Dag("late"), /"in": A subworkflow must be a dag.*received function/su],
    [
      "an error",
      () => {
        throw new Error("unavailable");
      },
      /"in": unavailable/u,
    ],
  ])("because its function gives %s is an error of its node, at every level", (_, source, message) => {
    const dag = new Dag<any>("dag");
    dag.node("in", subworkflow(source as () => object));
    const outer = new Dag<any>("outer");
    outer.node("dag", dag);
    expect(() => dag.validateOrThrow()).toThrow(message);
    expect(() => outer.validateOrThrow()).toThrow(message);
  });
});
