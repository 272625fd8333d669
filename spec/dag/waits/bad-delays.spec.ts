import { expect, it } from "vitest";
import { Dag } from "dagwright";
import { failure } from "../../support/waiting.js";

it.each(["sequential", "async"] as const)(
  "A delay that can't be read ends the run before any other node starts, in %s mode",
  async (mode) => {
    const called: string[] = [];
    const dag = new Dag("d");
    dag.node("waits", { delay: (() => "soon") as never }, () => {});
    dag.node("works", () => void called.push("works"));
    expect((await failure(dag.run({ mode }))).code).toBe("EXECUTION");
    expect(called).toEqual([]);
  },
);
