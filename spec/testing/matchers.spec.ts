import { Dag, ExecutionError, Fsm, next, stop, StoreError } from "dagwright";
import { matchers, type RunMatchers } from "dagwright/testing";
import { describe, expect, it } from "vitest";

declare module "vitest" {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type
  interface Matchers<T = any> extends RunMatchers<T> {}
}

expect.extend(matchers);

function branching() {
  const dag = new Dag("branching");
  dag.condition("isLarge", (n: number) => n > 1);
  dag.node("large", { needs: ["isLarge.true"] }, () => "large");
  dag.node("small", { needs: ["isLarge.false"] }, () => "small");
  return dag;
}

function failing() {
  const dag = new Dag("failing");
  dag.node("good", () => 1);
  dag.node("bad", { after: ["good"] }, () => {
    throw Object.assign(new RangeError("out of stock"), { code: "STOCK" });
  });
  return dag;
}

const light = new Fsm<any>("light");
light.state("red", { initial: true, to: ["green"] }, () => next("green"));
light.state("green", { to: ["yellow"] }, () => next("yellow"));
light.state("yellow", () => stop(1));
light.state("off", () => stop(0));

/** The message with which an expectation fails. */
function failureOf(work: () => void): string {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("It holds.");
}

describe("The matchers", () => {
  it("tell what has completed, and what was skipped", async () => {
    const run = await branching().run({ inputs: { n: 2 }, runId: "r" });
    expect(run).toHaveCompleted();
    expect(run).toHaveCompleted("isLarge", "large");
    expect(run).not.toHaveCompleted("small");
    expect(run).toHaveSkipped("small");
    expect(run).not.toHaveSkipped("large");
    expect(failureOf(() => expect(run).toHaveCompleted("large", "small"))).toBe(
      'Expected "large", "small" of Run r of "branching" (completed) to have completed; "small" is skipped.',
    );
    expect(failureOf(() => expect(run).not.toHaveSkipped("small"))).toBe(
      'Expected "small" of Run r of "branching" (completed) not to be skipped; all of them are.',
    );
  });

  it("tell what a run, or a node, has failed with: by class, code, and message, of any cause", async () => {
    const error = await failing()
      .run()
      .catch((thrown: unknown) => thrown);
    for (const expected of [RangeError, ExecutionError, "STOCK", "out of stock", /^out of/u]) {
      expect(error).toHaveFailedWith(expected);
      expect(error).toHaveFailedWith(expected, "bad");
    }
    expect(error).not.toHaveFailedWith(StoreError);
    expect(error).not.toHaveFailedWith("STOCK", "good");
    expect(error).not.toHaveCompleted();
    expect(error).toHaveCompleted("good");
    const run = await failing().run({ errorStrategy: "continue", runId: "r" });
    expect(run).toHaveFailedWith(RangeError);
    expect(failureOf(() => expect(run).toHaveFailedWith("sold out"))).toMatch(
      /^Expected Run r of "failing" \(failed\) to have failed with 'sold out'; its errors are:\nExecutionError: .*out of stock/u,
    );
    expect(failureOf(() => expect(run).toHaveCompleted())).toMatch(/it is failed:\nExecutionError/u);
  });

  it("tell which states a run has visited, in order", async () => {
    const run = await light.run({ runId: "r" });
    expect(run).toHaveCompleted("red", "yellow");
    expect(run).toHaveVisited("red", "yellow");
    expect(run).not.toHaveVisited("green", "red");
    expect(run).not.toHaveVisited("off");
    expect(failureOf(() => expect(run).toHaveVisited("off"))).toBe(
      'Expected Run r of "light" (completed) to have visited off; it visited red → green → yellow.',
    );
  });

  it("refuse what is no run, and names that it does not have", async () => {
    const run = await branching().run({ inputs: { n: 2 } });
    expect(() => expect(branching()).toHaveCompleted()).toThrow("toHaveCompleted is for the result of a run");
    expect(() => expect(undefined).toHaveSkipped("a")).toThrow(TypeError);
    expect(() => expect(run).toHaveSkipped("smal")).toThrow('has no node "smal"; it has: isLarge, large, small.');
    expect(() => expect(run).toHaveVisited("large")).toThrow("toHaveVisited is for runs of fsms");
    expect(() => expect(run).toHaveSkipped(...([] as unknown as [string]))).toThrow("toHaveSkipped takes names");
    expect(() => expect(run).toHaveFailedWith(42 as never)).toThrow("takes an error class, a code, or a message");
    const lamp = await light.run();
    expect(() => expect(lamp).toHaveSkipped("off")).toThrow("toHaveSkipped is for runs of dags");
    expect(() => expect(lamp).not.toHaveVisited("blue")).toThrow('has no state "blue"');
  });
});
