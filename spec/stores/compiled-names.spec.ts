import { afterEach, beforeEach, describe, expect, it, vi, type MockInstance } from "vitest";
import { Dag, Fsm, node, state, stop, workflow } from "dagwright";
import { sqliteStore, type SqlStore } from "dagwright/store";

let store: SqlStore;
let warned: MockInstance;
beforeEach(() => {
  store = sqliteStore(":memory:");
  warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
});
afterEach(async () => {
  vi.restoreAllMocks();
  await store.close();
});

describe("A recorded run", () => {
  const versions = {
    "as in the source": {
      read: (path: string) => `read ${path}`,
      sum: (base: number, extra = 0) => base + extra,
    },
    "numbered by a compiler": {
      read: (path2: string) => `read ${path2}`,
      sum: (base: number, extra2 = 0) => base + extra2,
    },
  };
  const names = Object.keys(versions) as (keyof typeof versions)[];

  function build(version: keyof typeof versions, { isBroken = false } = {}): Dag {
    const dag = new Dag("built");
    const { read, sum } = versions[version];
    dag.node("base", () => 1);
    dag.node("extra", () => 41);
    dag.node("read", read);
    dag.node("sum", { needs: ["base"] }, sum);
    dag.node("end", { needs: ["read", "sum"] }, (text: string, number: number) => {
      if (isBroken) throw new Error("broken");
      return `${text} ${number}`;
    });
    return dag;
  }

  it.each(names.flatMap((before) => names.map((after) => [before, after] as const)))(
    "with names %s can be resumed with names %s",
    async (before, after) => {
      const failed = build(before, { isBroken: true }).run({ store, runId: "r", inputs: { path: "a" } });
      await expect(failed).rejects.toThrow(/broken/u);
      const dag = build(after);
      expect((await dag.resume("r", { store })).value).toBe("read a 42");
      const again = await dag.replay("r", { store, rerun: ["read", "sum"] });
      expect(again.value).toBe("read a 42");
    },
  );

  it.each(names)("shows the arguments of its nodes, with names %s", async (version) => {
    const dag = build(version);
    await dag.run({ store, runId: "r", inputs: { path: "a" } });
    const { attempts, edges } = (await store.getRun("r"))!;
    const inputsOf = (name: string) => attempts.find(({ node }) => node === name)?.input as object;
    expect(inputsOf("read")).toEqual({ path: "a" });
    expect(Object.values(inputsOf("sum"))).toEqual([1, 41]);
    expect(edges).toContainEqual({ from: "extra", to: "sum" });
  });

  it("shows no result where an input was given instead", async () => {
    const dag = build("numbered by a compiler");
    const run = await dag.run({ store, runId: "r", inputs: { path: "a", extra2: 5 } });
    expect(run.outputs).toEqual({ extra: 41, end: "read a 6" });
    const { attempts, edges } = (await store.getRun("r"))!;
    expect(attempts.find(({ node }) => node === "sum")?.input).toEqual({ extra2: 5, base: 1 });
    expect(edges).not.toContainEqual({ from: "extra", to: "sum" });
  });
});

describe("The name of a class", () => {
  const named = <C extends abstract new (...args: any[]) => object>(Class: C, name: string): C =>
    Object.defineProperty(Class, "name", { value: name });
  const warnings = () => warned.mock.calls.map(([message]) => message as string);

  function nodes() {
    return class {
      @node work(): number {
        return 1;
      }
    };
  }
  function states() {
    return class {
      @state({ initial: true }) work() {
        return stop(1);
      }
    };
  }

  it("causes one warning if it looks minified and a run is recorded under it", async () => {
    const dag = Dag.from(named(nodes(), "g"));
    await dag.run();
    expect(warnings()).toEqual([]);
    await dag.run({ store, runId: "r" });
    expect(warnings()).toEqual([
      expect.stringMatching(/class "g", which looks like a minifier's.*@workflow\(\{ name:/u),
    ]);
    await Dag.from(named(nodes(), "g")).clone().run({ store });
    expect(warnings()).toHaveLength(1);
    await Fsm.from(named(states(), "f2")).run({ store });
    expect(warnings()[1]).toMatch(/class "f2"/u);
  });

  it("causes a warning also when a run is resumed", async () => {
    const Class = named(nodes(), "h");
    vi.spyOn(Class.prototype, "work").mockImplementationOnce(() => {
      throw new Error("broken");
    });
    const other = new Dag("h");
    other.node("work", () => {
      throw new Error("broken");
    });
    await expect(other.run({ store, runId: "r" })).rejects.toThrow(/broken/u);
    expect(warnings()).toEqual([]);
    await expect(Dag.from(Class).resume("r", { store })).rejects.toThrow(/broken/u);
    expect(warnings()).toEqual([expect.stringContaining('class "h"')]);
  });

  it("causes a warning if it is empty", async () => {
    await Dag.from(named(nodes(), "")).run({ store });
    expect(warnings()).toEqual([expect.stringMatching(/class without a name are recorded under the name "workflow"/u)]);
  });

  it("causes no warning if it is longer or the workflow has its own name", async () => {
    await Dag.from(named(nodes(), "Orders")).run({ store });
    await Dag.from(workflow({ name: "i" })(named(nodes(), "k"))).run({ store });
    const built = new Dag("j");
    built.node("work", () => 1);
    await built.run({ store });
    expect(warnings()).toEqual([]);
  });
});
