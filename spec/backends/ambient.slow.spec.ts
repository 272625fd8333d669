import { afterAll, describe, expect, it } from "vitest";
import { Dag, ThreadPool, getContext } from "dagwright";
import { Ambient, ambient } from "../support/ambient.js";

const pool = new ThreadPool({ maxWorkers: 2 });
afterAll(() => pool.close());

describe("getContext on threads", () => {
  it("gives the context to helpers and after awaits", async () => {
    expect(getContext()).toBeUndefined();
    const run = await ambient.run({ mode: "parallel", pool, inputs: { n: 4 } });
    const named = ["named", false, 4];
    expect(run.get("named")).toEqual(named);
    expect(run.get("param")).toEqual([["ambient", "param", 1, 4, named], true, false]);
    expect(run.get("helper")).toEqual([["ambient", "helper", 1, 4, named], false, named]);
    expect(run.context.metadata).toEqual({ param: true, helper: true });
    const typed = await Dag.from(Ambient).run({ mode: "parallel", pool });
    expect(typed.value).toEqual([["Ambient", "load", 1, undefined, undefined], false]);
  });
});
