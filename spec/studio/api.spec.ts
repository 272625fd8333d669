import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { Dag, Fsm, next, PauseRun, stop } from "dagwright";
import { Client, Service } from "dagwright/service";
import { sqliteStore, type SqlStore } from "dagwright/store";
import { faulty } from "../support/sqlite.js";
import { useStudios } from "../support/studios.js";

const serve = useStudios();

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

function aStore(): SqlStore {
  const store = sqliteStore(":memory:");
  open.push(store);
  return store;
}

async function aService(store: SqlStore, workflows: object[]): Promise<Service> {
  const service = new Service({ store, workflows, pollInterval: 20 });
  open.push({ close: () => service.close({ grace: 0 }) });
  await service.start();
  return service;
}

function orders(): Dag<any> {
  const dag = new Dag<any>("orders", { inputs: { order: z.object({ id: z.number(), note: z.string().optional() }) } });
  dag.node("load", (order: { id: number }) => ({ id: order.id, total: 3 }));
  dag.node("approve", { needs: ["load"] }, () => {
    throw new PauseRun("Is this order fine?");
  });
  dag.node("ship", { needs: ["approve"] }, (approve: boolean) => (approve ? "shipped" : "returned"));
  return dag;
}

describe("GET", () => {
  it("/api/runs lists runs by page, workflow, status and text", async () => {
    const store = aStore();
    const dag = new Dag<any>("numbers");
    dag.node("n", { params: ["n"] }, (n: number) => {
      if (n % 5 === 0) throw new Error("five");
      return n;
    });
    for (let n = 0; n < 25; n++) await dag.run({ store, runId: `run-${n}`, inputs: { n } }).catch(() => {});
    const { data, ask } = await serve({ store });
    const page = await data("/api/runs?limit=10");
    expect(page.runs.map(({ runId }: { runId: string }) => runId)).toEqual(
      Array.from({ length: 10 }, (_, i) => `run-${24 - i}`),
    );
    const next = await data(`/api/runs?limit=10&cursor=${encodeURIComponent(page.cursor)}`);
    expect(next.runs[0].runId).toBe("run-14");
    const ids = async (query: string) =>
      (await data(`/api/runs?${query}`)).runs.map((run: { runId: string }) => run.runId);
    expect(await ids("status=failed")).toEqual(["run-20", "run-15", "run-10", "run-5", "run-0"]);
    expect(await ids("text=RUN-2+failed")).toEqual(["run-20"]);
    expect(await ids("workflow=other")).toEqual([]);
    expect(await ids(`since=${Date.now() + 1e6}`)).toEqual([]);
    const { createdAt } = (await store.listRuns({ limit: 25 })).runs.find(({ runId }) => runId === "run-5")!;
    const between = [...(await ids(`since=${createdAt}`)), ...(await ids(`until=${createdAt}`))];
    expect(between).toHaveLength(25);
    expect(await ids(`since=${createdAt}&until=${createdAt}`)).toEqual([]);
    expect((await ask("/api/runs?until=soon")).status).toBe(400);
    const letters = await data("/api/dead-letters?workflow=numbers");
    expect(letters.runs).toHaveLength(5);
    expect(letters.runs[0]).toMatchObject({ runId: "run-20", failed: ["n"] });
    expect(letters.runs[0].error.message).toContain("five");
  });

  it("/api/runs/:id tells of nodes, attempts, values, errors, runs inside and the graph", async () => {
    const store = aStore();
    const inner = new Dag<any>("inner");
    inner.node("deep", () => ({ found: true }));
    const dag = new Dag<any>("outer");
    let calls = 0;
    dag.node("flaky", { retry: 1 }, () => {
      if (++calls === 1) throw new RangeError("once");
      return { list: "x".repeat(300_000) };
    });
    dag.node("sub", inner);
    dag.node("items", () => [1, 2, 3]);
    dag.map("each", { needs: ["items"] }, (item: number) => item * 2);
    dag.node(
      "total",
      { needs: ["each"], params: ["each", "rate"] },
      (each: number[], rate: number) => each.length * rate,
    );
    await dag.run({ store, runId: "r", inputs: { rate: 2 } });
    const { data, ask } = await serve({ store });
    const run = await data("/api/runs/r");
    expect(run).toMatchObject({ status: "completed", inputs: { rate: { value: 2 } }, cycleCount: 0 });
    expect(run.inside).toMatchObject([{ runId: "r/sub", parentNode: "sub" }]);
    expect(run.graph.nodes).toContainEqual({ name: "sub", kind: "workflow" });
    expect(run.nodes[0]).toMatchObject({ name: "flaky", attempts: 2, output: { length: 300_011 } });
    expect(run.command).toBe("dagwright show r --store runs.db");

    const flaky = await data("/api/runs/r/nodes/flaky");
    expect(flaky.attemptList).toMatchObject([
      { attempt: 1, status: "failed", error: { name: "RangeError", message: "once" } },
      { attempt: 2, status: "completed" },
    ]);
    expect(flaky.attemptList[0].error.stack).toContain("api.spec.ts");
    expect(flaky.output.text).toHaveLength(5000);
    const each = await data("/api/runs/r/nodes/each");
    expect(each.items).toMatchObject({ total: 3, completed: 3 });
    expect(each.itemList.map((item: any) => [item.node, item.output.value])).toEqual([
      ["each[0]", 2],
      ["each[1]", 4],
      ["each[2]", 6],
    ]);
    expect(await data("/api/runs/r/nodes/sub.deep")).toMatchObject({
      runId: "r/sub",
      output: { value: { found: true } },
    });
    expect((await ask("/api/runs/r/nodes/none")).status).toBe(404);
    expect((await ask("/api/runs/none")).status).toBe(404);
    const svg = await (await ask("/api/runs/r/graph.svg")).text();
    expect(svg).toContain('data-node="sub.deep"');
    expect(svg).not.toContain("<style>");
    const timeline = await data("/api/runs/r/timeline");
    expect(timeline.lanes[0].rows.map(({ name }: { name: string }) => name)).toContain("flaky");
  });

  it("/api/runs/:id tells of the cycles of an fsm", async () => {
    const store = aStore();
    const fsm = new Fsm<any>("loop");
    fsm.state("go", { initial: true, to: ["go", "done"] }, (n = 0) =>
      n < 2 ? next("go", Number(n) + 1) : next("done", n),
    );
    fsm.state("done", (n: number) => stop(n));
    await fsm.run({ store, runId: "f" });
    const { data, ask } = await serve({ store });
    const run = await data("/api/runs/f");
    expect(run).toMatchObject({ kind: "fsm", cycleCount: 4, visits: { go: 3, done: 1 } });
    expect(run.cycles.map((cycle: any) => [cycle.state, cycle.output.value])).toEqual([
      ["go", 1],
      ["go", 2],
      ["go", 2],
      ["done", 2],
    ]);
    expect(await (await ask("/api/runs/f/graph.svg")).text()).toContain('data-node="done"');
    expect((await data("/api/runs/f/nodes/go")).cycleList).toHaveLength(3);
  });

  it("/api/compare tells how two runs differ", async () => {
    const store = aStore();
    const dag = new Dag<any>("double");
    dag.node("twice", { params: ["n"] }, (n: number) => n * 2);
    dag.node("same", () => 1);
    await dag.run({ store, runId: "a", inputs: { n: 1 } });
    await dag.run({ store, runId: "b", inputs: { n: 2 } });
    const { data, ask } = await serve({ store });
    expect(await data("/api/compare?a=a&b=b")).toMatchObject({
      inputs: [{ name: "n", a: { value: 1 }, b: { value: 2 } }],
      nodes: [{ node: "twice", differs: ["output"], a: { output: { value: 2 } }, b: { output: { value: 4 } } }],
      same: 1,
    });
    expect((await ask("/api/compare?a=a&b=none")).status).toBe(404);
    expect((await ask("/api/compare?a=a")).status).toBe(400);
  });

  it("/api/compare reads only inputs that a run was given, whatever they are called", async () => {
    const store = aStore();
    const dag = new Dag<any>("named");
    dag.node("sum", (constructor = 0, __proto__ = 0, toString = 0) => constructor + __proto__ + toString);
    await dag.run({ store, runId: "without" });
    const inputs = JSON.parse('{ "constructor": 1, "__proto__": 2, "toString": 3 }') as Record<string, unknown>;
    await dag.run({ store, runId: "with", inputs });
    const { data } = await serve({ store });
    const { inputs: differing } = await data("/api/compare?a=without&b=with");
    expect(differing).toEqual([
      { name: "constructor", b: { value: 1 } },
      { name: "__proto__", b: { value: 2 } },
      { name: "toString", b: { value: 3 } },
    ]);
  });

  it("/api/services counts the runs of all workflows in one query", async () => {
    const { database, statements } = faulty(":memory:", Infinity);
    const store = sqliteStore(database);
    open.push(store);
    for (const name of ["a", "b", "c"]) {
      const dag = new Dag<any>(name);
      dag.node("n", () => 1);
      const client = new Client({ store });
      for (let i = 0; i <= "abc".indexOf(name); i++) await client.submit(dag);
    }
    const { data } = await serve({ store });
    const asked = statements.length;
    const { health, workflows } = await data("/api/services");
    expect(workflows.map(({ name, due }: { name: string; due: number }) => [name, due])).toEqual([
      ["a", 1],
      ["b", 2],
      ["c", 3],
    ]);
    expect(health).toMatchObject({ due: 6, running: 0, waiting: 0, claimed: 0 });
    expect(health.oldestDue).toBe(Math.min(...workflows.map(({ oldestDue }: { oldestDue: number }) => oldestDue)));
    expect(statements.slice(asked).filter((sql) => sql.includes("runs_due"))).toHaveLength(1);
  });

  it("/api/workflows tells what can be started, and with which inputs", async () => {
    const store = aStore();
    const { data, ask } = await serve({ store, workflows: [orders(), "elsewhere"] });
    const { workflows } = await data("/api/workflows");
    expect(workflows.map(({ name, isKnown }: any) => [name, isKnown])).toEqual([
      ["elsewhere", false],
      ["orders", true],
    ]);
    expect(workflows[1].inputs[0]).toMatchObject({ name: "order", required: true, schema: { type: "object" } });
    expect(await (await ask("/api/workflows/orders/graph.svg")).text()).toContain('data-node="approve"');
    expect((await ask("/api/workflows/elsewhere/graph.svg")).status).toBe(404);
  });
});

describe("POST", () => {
  it("starts, answers and deletes a run, each with the command line that does the same", async () => {
    const store = aStore();
    const dag = orders();
    const service = await aService(store, [dag]);
    const { post, data } = await serve({ store, workflows: [dag] });
    const bad = await post("/api/runs", { workflow: "orders", inputs: { order: { id: "x" } } });
    expect(bad).toMatchObject({ status: 400, body: { error: { code: "VALIDATION" } } });
    expect(bad.body.error.message).toContain('Input "order.id" is invalid');
    expect((await post("/api/runs", { workflow: "none" })).body.error.message).toContain('has no workflow "none"');
    expect((await data("/api/runs")).runs).toEqual([]);

    const started = await post("/api/runs", { workflow: "orders", inputs: { order: { id: 7 } }, key: "k 1" });
    expect(started.status).toBe(201);
    expect(started.body.command).toBe(
      `dagwright submit workflows.ts --workflow orders --input 'order={"id":7}' --key 'k 1' --store runs.db`,
    );
    const { runId } = started.body;
    const path = `/api/runs/${runId}`;
    for await (const event of service.events(runId)) if (event.type === "run.paused") break;
    expect(await data(path)).toMatchObject({
      status: "paused",
      pauses: [{ node: "approve", reason: "Is this order fine?" }],
    });
    expect((await post(`${path}/resume`, { provide: { other: 1 } })).status).toBe(400);
    const resumed = await post(`${path}/resume`, { provide: { approve: true } });
    expect(resumed.body.command).toBe(
      `dagwright resume workflows.ts ${runId} --workflow orders --provide approve=true --store runs.db`,
    );
    await (await service.get(runId))?.result();
    expect(await data(path)).toMatchObject({ status: "completed", outputs: { ship: { value: "shipped" } } });
    expect((await post(`${path}/cancel`, {})).status).toBe(409);

    const replayed = await post(`${path}/replay`, { rerun: ["ship"] });
    expect(replayed).toMatchObject({ status: 201 });
    expect(replayed.body.command).toBe(
      `dagwright replay workflows.ts ${runId} --workflow orders --rerun ship --store runs.db`,
    );
    expect((await (await service.get(replayed.body.runId))?.result())?.outputs).toEqual({ ship: "shipped" });
    const deleted = await post(`${path}/delete`, {});
    expect(deleted).toMatchObject({ status: 200, body: { command: `dagwright delete ${runId} --store runs.db` } });
    expect(await store.getRun(runId)).toBe(undefined);
  });

  it("pauses, cancels, and sends events", async () => {
    const store = aStore();
    const dag = new Dag<any>("invoice");
    dag.event("paid", { schema: z.object({ sum: z.number() }) });
    const service = await aService(store, [dag]);
    const { post, data } = await serve({ store, workflows: [dag] });
    const first = (await service.submit(dag)).runId;
    for await (const event of service.events(first)) if (event.type === "node.waiting") break;
    expect((await post(`/api/runs/${first}/send`, { event: "paid", payload: {} })).status).toBe(400);
    const sent = await post(`/api/runs/${first}/send`, { event: "paid", payload: { sum: 5 }, key: "k" });
    expect(sent.body.command).toBe(`dagwright send ${first} paid '{"sum":5}' --key k --store runs.db`);
    await (await service.get(first))?.result();
    expect((await data(`/api/runs/${first}`)).outputs).toEqual({ paid: { value: { sum: 5 } } });

    const second = (await service.submit(dag)).runId;
    const paused = await post(`/api/runs/${second}/pause`, {});
    expect(paused.body.command).toBe(`dagwright pause ${second} --store runs.db`);
    const cancelled = await post(`/api/runs/${second}/cancel`, { reason: "not needed" });
    expect(cancelled.body.command).toBe(`dagwright cancel ${second} --reason 'not needed' --store runs.db`);
    await expect((await service.get(second))?.result()).rejects.toThrow("not needed");
  });

  it("acts on schedules, which it lists with services", async () => {
    const store = aStore();
    const dag = new Dag<any>("tick");
    dag.node("tock", () => 1);
    const service = await aService(store, [dag]);
    await service.schedule("nightly", dag, { cron: "0 3 * * *", timezone: "UTC" });
    const { post, data } = await serve({ store, workflows: [dag] });
    const act = (verb: string) => post(`/api/schedules/nightly/${verb}`, {});
    expect((await act("pause")).body).toEqual({ command: "dagwright schedule pause nightly --store runs.db" });
    expect((await data("/api/schedules")).schedules).toMatchObject([
      { name: "nightly", cron: "0 3 * * *", paused: true },
    ]);
    expect((await act("resume")).status).toBe(200);
    const { runId } = (await act("trigger")).body;
    await (await service.get(runId))?.result();
    const { health, workflows } = await data("/api/services");
    expect(health).toMatchObject({ running: 0, due: 0 });
    expect(workflows).toMatchObject([{ name: "tick" }]);
    expect((await act("remove")).status).toBe(200);
    expect((await act("trigger")).status).toBe(404);
  });
});
