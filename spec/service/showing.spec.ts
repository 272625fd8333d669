import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { ClosedError, Dag, type Context } from "dagwright";
import { useServices } from "../support/services.js";
import { sqliteSubject } from "../support/store-subjects.js";
import { failure, until } from "../support/waiting.js";

const HOUR = 3_600_000;

function ordersOf() {
  const dag = new Dag<any>("orders");
  dag.node("total", (amount: bigint, ctx: Context) => [amount, ctx.metadata.tag]);
  return dag;
}

const inputs = { amount: 3n };

/** What `JSON.stringify`, `console.log` and `String` make of a value. */
const shown = (value: object) => ({
  json: JSON.parse(JSON.stringify(value)) as unknown,
  log: inspect(value),
  text: `${value as never}`,
});

describe("What services and clients show", () => {
  const { another, client, service, execute } = useServices(sqliteSubject);

  it("of a run that is submitted: its id", async () => {
    const run = await client().submit(ordersOf(), { inputs, runId: "r1" });
    expect(shown(run)).toEqual({
      json: { runId: "r1", isNew: true },
      log: "{ runId: 'r1', isNew: true }",
      text: "Run r1",
    });
    expect(Object.keys(run)).toEqual(["runId", "isNew"]);
  });

  it("of a run that is found: what it was submitted with, and what is recorded", async () => {
    const serving = service({ workflows: [ordersOf()] });
    const due = new Date(Date.now() + HOUR);
    const own = { runId: "r1", key: "A-17", priority: "high", metadata: { tag: "blue" } } as const;
    await serving.submit("orders", { ...own, inputs, delay: due });
    const queued = await serving.get("r1");
    expect(queued).toMatchObject({ ...own, status: "queued", dueAt: due.getTime() });
    expect((await serving.list()).runs).toMatchObject([{ ...own, status: "queued", dueAt: due.getTime() }]);
    const { json, log, text } = shown(queued!);
    expect(json).toEqual({ ...own, workflow: "orders", kind: "dag", status: "queued", ...waits(due) });
    expect(log).toContain("status: 'queued'");
    expect(log).not.toContain("pending");
    expect(text).toBe('Run r1 of "orders" (queued)');
  });

  const waits = (due: Date) => ({
    dueAt: due.getTime(),
    waitingFor: { events: [], until: due.getTime() },
    pauses: [],
    outputs: {},
  });

  it("of a run that is due: since when", async () => {
    const before = Date.now();
    const run = await client().submit("orders", { priority: 33, inputs });
    const { dueAt = 0, key, priority, metadata } = (await client().get(run))!;
    expect([key, priority, metadata]).toEqual([undefined, 33, {}]);
    expect(dueAt).toBeGreaterThanOrEqual(Math.floor(before));
    expect(dueAt).toBeLessThanOrEqual(Date.now());
  });

  it("of a run that is over: its results, whatever they are", async () => {
    const serving = service({ workflows: [ordersOf()] });
    await serving.start();
    const run = await serving.submit("orders", { runId: "r1", inputs, metadata: { tag: "blue" } });
    await run.result();
    const found = (await serving.get(run))!;
    expect(found).toMatchObject({ priority: "normal", metadata: { tag: "blue" }, dueAt: undefined });
    expect(shown(found)).toMatchObject({
      json: { status: "completed", outputs: { total: ["3", "blue"] } },
      text: 'Run r1 of "orders" (completed)',
    });
  });

  it("of a run that can't be read: why", async () => {
    await client().submit("orders", { runId: "r1", inputs });
    await execute("update runs set inputs = '{'");
    const found = (await client().get("r1"))!;
    expect([found.key, found.priority, found.metadata]).toEqual([undefined, undefined, {}]);
    expect(shown(found)).toMatchObject({
      json: { runId: "r1", status: "unreadable", error: { code: "STORE", message: expect.stringContaining("inputs") } },
      text: "Run r1 (unreadable)",
    });
  });

  it("of themselves: their workflows", async () => {
    const serving = service({ workflows: [ordersOf()] });
    await serving.start();
    expect(shown(serving)).toMatchObject({
      json: { workflows: ["orders"], isClosed: false, isDriving: true, claimed: 0 },
      log: "Service { workflows: [ 'orders' ], isClosed: false, isDriving: true, claimed: 0 }",
      text: "Service { orders }",
    });
    const any = client();
    await any.close();
    expect(shown(any)).toEqual({
      json: { isClosed: true },
      log: "Client { isClosed: true }",
      text: "Client",
    });
    expect(String(client({ workflows: [ordersOf(), "checkout"] }))).toBe("Client { orders, checkout }");
  });

  it("when they are closed: which of them is", async () => {
    const serving = service({ workflows: [ordersOf()] });
    for (const [owner, closing] of [
      ["service", serving],
      ["client", client()],
    ] as const) {
      const run = await closing.submit("orders", { inputs, delay: HOUR });
      const result = failure(run.result());
      const followed = failure(
        closing
          .events(run)
          .next()
          .then(async () => closing.events(run, {}).next()),
      );
      await closing.close();
      const calls = [closing.submit("orders"), closing.list(), closing.get("r1"), closing.schedules(), run.result()];
      const errors = await Promise.all([result, followed, ...calls.map((call) => failure(call))]);
      for (const error of errors) {
        expect(error).toBeInstanceOf(ClosedError);
        expect(error.message).toMatch(new RegExp(`^Th(e|is) ${owner} is closed\\.`, "u"));
        expect(error.message).not.toContain(owner === "client" ? "service" : "client");
      }
    }
    expect((await failure(serving.start())).message).toBe("This service is closed. Create another one.");
    expect((await failure(serving.health())).message).toBe("This service is closed. Create another one.");
  });

  it("of schedules: all that they were given, with the defaults", async () => {
    const store = another();
    const scheduling = client({ store });
    const runs = { inputs, priority: "low", metadata: { tag: "blue", token: "t" } } as const;
    const timing = { overlap: "queue", catchUp: "all", jitter: 5 } as const;
    await scheduling.schedule("often", "orders", { every: HOUR, ...timing, ...runs });
    await scheduling.schedule("plain", "orders", { cron: "@daily" });
    const [often, plain] = await scheduling.schedules();
    expect(often).toMatchObject({ name: "often", workflow: "orders", every: HOUR, ...timing, ...runs });
    expect(plain).toMatchObject({ cron: "@daily", timezone: "UTC", overlap: "skip", catchUp: "latest", jitter: 0 });
    expect(plain).toMatchObject({ inputs: {}, priority: "normal", metadata: {} });
    store.redact("metadata.token");
    const [hidden] = await scheduling.schedules();
    expect(JSON.parse(JSON.stringify(hidden))).toMatchObject({
      inputs: { amount: "3" },
      metadata: { tag: "blue", token: "[redacted]" },
    });
    await execute("update schedules set definition = '{', inputs = '{' where name = 'often'");
    const [damaged] = await scheduling.schedules();
    expect(damaged.inputs).toBe(undefined);
    expect(JSON.parse(JSON.stringify(damaged))).toMatchObject({ error: { code: "STORE" } });
  });

  it("of a schedule's runs: its priority and metadata", async () => {
    const serving = service({ workflows: [ordersOf()] });
    const options = { every: HOUR, inputs, priority: "high", metadata: { tag: "blue" } } as const;
    await serving.schedule("often", "orders", options);
    const run = await serving.trigger("often");
    expect(await serving.get(run)).toMatchObject({ priority: "high", metadata: { tag: "blue" } });
    await serving.schedule("often", "orders", { ...options, priority: 7, metadata: undefined });
    const second = await serving.trigger("often");
    expect(await serving.get(second)).toMatchObject({ priority: 7, metadata: {} });
    await serving.schedule("soon", "orders", { ...options, every: undefined, at: 0 });
    await serving.start();
    const id = `soon@${new Date(0).toISOString()}`;
    await until(async () => (await serving.get(id))?.status === "completed");
    expect(await serving.get(id)).toMatchObject({ priority: "high", outputs: { total: [3n, "blue"] } });
  });
});
