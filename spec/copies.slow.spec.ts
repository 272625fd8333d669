import { describe, expect, it, vi } from "vitest";
import * as one from "dagwright";
import { stateful } from "./support/threaded.js";

vi.resetModules();
const other = await import("dagwright");
const otherStore = await import("dagwright/store");
const { Service, Client } = await import("dagwright/service");

const add = (x: number) => x + 1;

async function failure(dag: { run(options?: object): Promise<unknown> }, options = {}): Promise<unknown> {
  return dag.run(options).then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe("Two copies of the library in one process", () => {
  it("are different", () => {
    expect(other.Dag).not.toBe(one.Dag);
    expect(other.ExecutionError).not.toBe(one.ExecutionError);
  });

  it("recognize each other's errors by class and base classes, and by no other class", async () => {
    const dag = new other.Dag("failing");
    dag.node("a", { timeout: 1 }, () => new Promise(() => {}));
    const error = await failure(dag);
    expect(error).toBeInstanceOf(one.NodeTimeoutError);
    expect(error).toBeInstanceOf(one.ExecutionError);
    expect(error).toBeInstanceOf(one.DagwrightError);
    expect(error).not.toBeInstanceOf(one.ValidationError);
    expect(error).not.toBeInstanceOf(one.RunTimeoutError);
    class Own extends one.ExecutionError {}
    expect(error).not.toBeInstanceOf(Own);
    const own = new Own("own", { runId: "r" });
    expect(own).toBeInstanceOf(Own);
    expect(own).toBeInstanceOf(other.ExecutionError);
    expect(new one.PauseRun("why")).toBeInstanceOf(other.PauseRun);
  });

  it("recognize every error class of each other", () => {
    for (const [name, type] of Object.entries(one)) {
      if (!name.endsWith("Error")) continue;
      const { prototype } = Reflect.get(other, name) as { prototype: object };
      expect(Object.create(prototype), name).toBeInstanceOf(type);
    }
  });

  it("notice when both define a workflow with the same name, which workers can't tell apart", async () => {
    const dags = [one, other].map(({ Dag }) => new Dag("twins"));
    for (const dag of dags) dag.node("a", () => 1);
    for (const dag of dags) {
      const run = await dag.run({ mode: "parallel" });
      expect(run.nodes.get("a")?.backendReason).toContain('several workflows named "twins"');
    }
  });

  it("accept each other's branches, needs and transitions", async () => {
    const dag = new one.Dag("forks");
    dag.node("a", () => 5);
    dag.condition("decided", { needs: ["a"] }, (a: number) => other.decide(true, a + 1));
    dag.node("true", { needs: ["decided.true"] }, add);
    dag.select("routed", { needs: ["a"] }, (a: number) => other.route("k", a + 2));
    dag.node("k", { needs: ["routed.k"] }, add);
    const handle = new other.Dag("needs").node("a", () => 1);
    dag.node("both", { needs: [other.optional("a"), handle] }, (a, b) => [a, b]);
    expect({ ...dag.runSync().outputs }).toEqual({ true: 7, k: 8, both: [5, 5] });
    const fsm = new one.Fsm("moves");
    fsm.state("a", { initial: true }, () => other.next("b", 7));
    fsm.state("b", {}, (x: number) => other.stop(x + 1));
    expect(fsm.runSync()).toMatchObject({ value: 8, stateHistory: ["a", "b"] });
    const waiting = new one.Fsm("waits");
    waiting.state("a", { initial: true }, () => other.waitForEvent({ GO: "b" }));
    waiting.state("b", { terminal: true }, (x: number) => x);
    const run = waiting.start();
    await run.send("GO", 3);
    expect((await run.result).value).toBe(3);
  });

  it("accept each other's pauses, results, schedulers, pools and stores", async () => {
    const define = ({ Dag }: typeof one) => {
      const dag = new Dag("same");
      dag.node("a", () => 1);
      dag.node("b", { needs: ["a"] }, add);
      return dag;
    };
    const run = await define(other).run();
    expect((await define(one).runFrom("b", { from: run })).value).toBe(2);
    const paused = new one.Dag("paused");
    paused.node("a", () => {
      throw new other.PauseRun("hold");
    });
    expect(await paused.run()).toMatchObject({ status: "paused", pauseReason: "hold" });

    const scheduler = new other.Scheduler({ maxConcurrency: 1, maxQueueSize: 1 });
    const dag = new one.Dag("scheduled");
    for (const name of ["a", "b", "c"]) dag.node(name, () => new Promise((resolve) => setTimeout(resolve, 5)));
    expect(await failure(dag, { mode: "async", scheduler })).toBeInstanceOf(one.QueueFullError);

    const pool = new other.ThreadPool({ maxWorkers: 1 });
    const threaded = await stateful.run({ mode: "parallel", pool });
    expect(Array.from(threaded.nodes.values(), ({ backend }) => backend)).toContain("thread");
    await pool.close();

    const store = otherStore.sqliteStore(":memory:");
    await define(one).run({ store, runId: "r" });
    expect(await failure(define(one), { store, runId: "r" })).toBeInstanceOf(one.StoreError);
    await store.close();
  });

  it("serve each other's workflows", async () => {
    class Numbers {
      a() {
        return 1;
      }
    }
    one.node(Numbers.prototype, "a", Object.getOwnPropertyDescriptor(Numbers.prototype, "a") as PropertyDescriptor);
    one.workflow({ name: "numbers" })(Numbers);
    const dag = new one.Dag("same");
    dag.node("a", () => 2);
    const store = otherStore.sqliteStore(":memory:");
    const service = new Service({ store, workflows: [Numbers, dag] });
    await service.start();
    const client = new Client({ store });
    const runs = [await service.submit(Numbers), await client.submit("same")];
    expect((await Promise.all(runs.map((run) => run.result()))).map(({ value }) => value)).toEqual([1, 2]);
    await service.close();
    await client.close();
    await store.close();
  });

  it("read classes that the other has annotated", async () => {
    class Numbers {
      a() {
        return 1;
      }
    }
    const method = Object.getOwnPropertyDescriptor(Numbers.prototype, "a") as PropertyDescriptor;
    other.node(Numbers.prototype, "a", method);
    other.workflow({ name: "numbers", description: "of the other" })(Numbers);
    const dag = one.Dag.from(Numbers);
    expect(dag).toMatchObject({ name: "numbers", description: "of the other" });
    expect((await dag.run()).value).toBe(1);
  });
});
