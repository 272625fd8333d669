import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import {
  BackendError,
  CircuitOpenError,
  Dag,
  ExecutionError,
  Fsm,
  NotCloneableError,
  PauseRun,
  RetryExhaustedError,
  StoreError,
  StreamError,
} from "dagwright";
import { failure } from "../support/waiting.js";

describe("An error", () => {
  const site = { runId: "run", node: "pay" };

  it.each([
    new ExecutionError("no", { runId: "run" }),
    new BackendError("no", site),
    new CircuitOpenError("no", site, undefined, 5),
    new NotCloneableError("no", site, "inputs.fn"),
    new RetryExhaustedError("no", site, []),
    new StreamError("no", site, 0, undefined),
    new StoreError("no"),
    new PauseRun(),
  ])("$name has no property that it has no value for, and so prints none", (error) => {
    expect(Object.values(error)).not.toContain(undefined);
    expect(inspect(error)).not.toContain("undefined");
  });

  it("prints what it knows, of a dag and of an fsm", async () => {
    const dag = new Dag("orders");
    dag.node("pay", () => {
      throw new Error("no");
    });
    const ofDag = await failure(dag.run());
    expect(Object.keys(ofDag)).toEqual(["code", "docs", "runId", "node", "attempt", "run"]);
    const fsm = new Fsm("parcel");
    fsm.state("open", { initial: true }, () => {
      throw new Error("no");
    });
    const ofFsm = await failure(fsm.run());
    expect(ofFsm).toMatchObject({ node: "open", state: "open", cycle: 0 });
    expect(Object.values(ofFsm)).not.toContain(undefined);
  });
});
