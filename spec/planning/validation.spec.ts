import { describe, expect, it } from "vitest";
import {
  CycleError,
  Dag,
  DisconnectedNodeError,
  InvalidNodeError,
  MissingConnectionError,
  ValidationError,
} from "dagwright";

const fn = (...inputs: unknown[]) => inputs;

describe("validate", () => {
  it("shows one cycle per strongly connected component, self-loops included", () => {
    const dag = new Dag("d");
    dag.node("a", { needs: ["c"] }, fn);
    dag.node("b", { needs: ["a"] }, fn);
    dag.node("c", { needs: ["b"] }, fn);
    const error = thrown(() => dag.validateOrThrow()) as CycleError;
    expect(error).toBeInstanceOf(CycleError);
    expect(error).toMatchObject({ name: "CycleError", code: "CYCLE", cycle: ["a", "b", "c", "a"] });
    expect(error.message).toContain("a → b → c → a");
    dag.node("self", { needs: ["self"] }, fn);
    const both = thrown(() => dag.validateOrThrow()) as ValidationError;
    expect(both).toBeInstanceOf(ValidationError);
    expect(both.issues.map(({ nodes }) => nodes)).toEqual([
      ["a", "b", "c", "a"],
      ["self", "self"],
    ]);
    expect(dag.isValid).toBe(false);
  });

  it("finds a cycle of 200,000 nodes without recursion", { tags: "slow" }, () => {
    const dag = new Dag("d");
    const size = 200_000;
    for (let i = 0; i < size; i++) dag.node(`n${i}`, { needs: [`n${(i + size - 1) % size}`] }, fn);
    const error = thrown(() => dag.validateOrThrow()) as CycleError;
    expect(error.cycle).toHaveLength(size + 1);
    expect(error.message.length).toBeLessThan(500);
  });

  it("reports all problems together, each with a remedy", () => {
    const dag = new Dag("d");
    dag.node("fetch", fn);
    dag.node("a", { needs: ["fetsh"] }, fn);
    dag.node("b", { after: ["nowhere"] }, fn);
    dag.node("c", { needs: ["fetch"], params: ["x"] }, fn);
    dag.connect("a", "c", { input: "x" });
    dag.any("d", { params: ["x"] }, fn);
    dag.condition("e", () => true);
    dag.node("f", { needs: ["e.yes"] }, fn);
    dag.node("g", new Function("{ a }", "") as () => void);
    const error = thrown(() => dag.validateOrThrow()) as ValidationError;
    expect(error.constructor).toBe(ValidationError);
    expect(
      error.issues.filter(({ severity }) => severity === "error").map(({ code, nodes }) => [code, ...nodes]),
    ).toEqual([
      ["UNKNOWN_NODE", "a"],
      ["UNKNOWN_NODE", "b"],
      ["DUPLICATE_SOURCE", "c"],
      ["MISSING_NEED", "d"],
      ["UNKNOWN_BRANCH", "f"],
      ["INVALID_NODE", "g"],
    ]);
    expect(error.message).toMatch(/6 problems/u);
    expect(error.message).toMatch(/there is no node "fetsh"\. Did you mean "fetch"\?/u);
    expect(error.message).toMatch(/Parameter "x" of node "c" has two sources: "fetch" and "a"/u);
  });

  it("throws a single problem as its own class", () => {
    const dag = new Dag("d");
    dag.node("g", new Function("{ a }", "") as () => void);
    expect(() => dag.validateOrThrow()).toThrow(InvalidNodeError);
  });

  it("warns of isolated nodes and unconnected branches, and refuses them under strict", async () => {
    const dag = new Dag("d");
    dag.node("alone", () => 1);
    expect(dag.validate()).toEqual([]);
    dag.node("a", () => 1);
    dag.node("b", { needs: ["a"] }, fn);
    expect(dag.validate()).toMatchObject([{ severity: "warning", code: "DISCONNECTED_NODE", nodes: ["alone"] }]);
    expect(dag.validate({ strict: true })).toMatchObject([{ severity: "error" }]);
    expect(() => dag.validateOrThrow({ strict: true })).toThrow(DisconnectedNodeError);
    await expect(dag.run({ strict: true })).rejects.toThrow(DisconnectedNodeError);
    expect((await dag.run()).status).toBe("completed");
    dag.removeNode("alone");
    dag.condition("c", { needs: ["a"] }, () => true);
    dag.node("yes", { needs: ["c.true"] }, fn);
    expect(() => dag.validateOrThrow({ strict: true })).toThrow(MissingConnectionError);
    expect(() => dag.validateOrThrow({ strict: true })).toThrow(/"c" has nothing connected to "false"/u);
    dag.node("any way", { needs: ["c"] }, fn);
    expect(dag.validate()).toEqual([]);
  });

  it("runs nothing in an invalid dag", async () => {
    let ran = false;
    const dag = new Dag("d");
    dag.node("a", () => (ran = true));
    dag.node("b", { needs: ["x"] }, fn);
    await expect(dag.run()).rejects.toThrow(ValidationError);
    expect(() => dag.executionOrder).toThrow(ValidationError);
    expect(ran).toBe(false);
  });
});

function thrown(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error("Nothing was thrown.");
}
