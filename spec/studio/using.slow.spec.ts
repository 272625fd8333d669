import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { Dag } from "dagwright";
import { Service } from "dagwright/service";
import { sqliteStore, type SqlStore } from "dagwright/store";
import { hasBrowser, useBrowser } from "../support/browser.js";
import { openDatabase } from "../support/sqlite.js";
import { elevator, recordScene, reports } from "../support/studio-scene.js";
import { useStudios } from "../support/studios.js";

const serve = useStudios();
const { open, picture } = useBrowser();
const folder = mkdtempSync(join(tmpdir(), "dagwright-studio-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(!hasBrowser)("A person with a studio", () => {
  let store: SqlStore;
  let number = 0;
  let file: string;
  const closing: (() => Promise<void>)[] = [];
  beforeEach(() => {
    file = join(folder, `${number++}.db`);
    store = sqliteStore(file);
  });
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
    await store.close();
  });

  async function aService(workflows: object[]): Promise<Service> {
    const service = new Service({ store, workflows, pollInterval: 20 });
    closing.push(() => service.close({ grace: 0 }));
    await service.start();
    return service;
  }

  it("needs no mouse: finds a paused run, looks at a node, and answers", async () => {
    const dag = reports();
    const service = await aService([dag]);
    const request = { customer: "Ada", quarter: "Q1" };
    const { runId } = await service.submit(dag, { inputs: { request }, runId: "by-hand" });
    for await (const event of service.events(runId)) if (event.type === "run.paused") break;
    const { listener } = await serve({ store, workflows: [dag] });
    const page = await open(listener.link);
    const focused = () => page.evaluate("document.activeElement.textContent");
    await page.waitForSelector("text=by-hand");
    const link = `document.activeElement.matches("a") && document.activeElement.textContent.includes("by-hand")`;
    while ((await page.evaluate(link)) !== true) await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");

    await page.waitForSelector("[data-node=fetch]");
    while ((await page.evaluate(`document.activeElement.getAttribute("data-node")`)) === null) {
      await page.keyboard.press("Tab");
    }
    await page.keyboard.press("ArrowRight");
    const node = await page.evaluate(`document.activeElement.getAttribute("data-node")`);
    await page.keyboard.press("Enter");
    await page.waitForSelector(`.panel h2:has-text("${String(node)}")`);
    await page.keyboard.press("Escape");
    await page.waitForSelector(".panel", { state: "detached" });

    while ((await focused()) !== "Answer…") await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Enter");
    await page.waitForSelector("dialog[open] textarea");
    while ((await page.evaluate("document.activeElement.tagName")) !== "TEXTAREA") await page.keyboard.press("Tab");
    await page.keyboard.type("true");
    await page.waitForSelector(
      `dialog code:has-text("dagwright resume workflows.ts by-hand --workflow reports --provide approve=true")`,
    );
    await picture(page, "answer");
    while ((await page.evaluate("document.activeElement.type")) !== "submit") await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    // It is told of the rest as it happens.
    await page.waitForSelector("h1 .completed");
    await page.waitForSelector(`[data-node=send].completed`);
    expect((await store.getRun("by-hand"))?.outputs).toMatchObject({ send: { sent: true } });
  });

  it("starts a run with a form that its schema makes, and is told what is wrong", async () => {
    const dag = reports();
    await aService([dag]);
    const { listener, origin } = await serve({ store, workflows: [dag] });
    const page = await open(listener.link);
    await page.goto(`${origin}/#/start?workflow=reports`);
    await page.getByLabel("customer").fill("Grace Hopper");
    await page.getByLabel("limit").fill("7");
    await page.getByLabel("quarter").selectOption("Q2");
    await page.waitForSelector(
      `code:has-text('--input \\'request={"customer":"Grace Hopper","limit":7,"quarter":"Q2"}\\'')`,
    );
    await page.getByRole("button", { name: "Start the run" }).click();
    await page.waitForSelector("h1 .paused");
    const { runs } = await store.listRuns({ roots: true });
    expect(runs).toHaveLength(1);
    expect((await store.getRun(runs[0].runId))?.inputs.request).toEqual({
      customer: "Grace Hopper",
      limit: 7,
      quarter: "Q2",
    });

    await page.goto(`${origin}/#/start?workflow=reports`);
    await page.getByLabel("quarter").selectOption("Q2");
    await page.getByRole("button", { name: "Start the run" }).click();
    await page.waitForSelector(`.failure:has-text("request.customer")`);
    expect((await store.listRuns({ roots: true })).runs).toHaveLength(1);
  });

  it("fills in inputs that are named as what every object inherits", async () => {
    const dag = new Dag<any>("named", { inputs: { constructor: z.string(), toString: z.string().optional() } });
    dag.node("join", (constructor: string, toString = "no") => `${constructor} ${toString}`);
    const { listener, origin } = await serve({ store, workflows: [dag] });
    const page = await open(listener.link);
    await page.goto(`${origin}/#/start?workflow=named`);
    const field = page.getByLabel("constructor");
    expect(await field.inputValue()).toBe("");
    await field.fill("x");
    await page.waitForSelector(
      `code:text-is("dagwright submit workflows.ts --workflow named --input 'constructor=\\"x\\"' --store runs.db")`,
    );
    await page.getByRole("button", { name: "Start the run" }).click();
    await page.waitForSelector("text=It waits for a service");
    const { runs } = await store.listRuns();
    expect({ ...(await store.getRun(runs[0].runId))?.inputs }).toEqual({ constructor: "x" });
  });

  it("finds runs of a time", async () => {
    const dag = elevator();
    for (const runId of ["first", "second", "third"]) await dag.run({ store, runId });
    const days: Record<string, string> = { first: "2026-03-01", second: "2026-03-02", third: "2026-03-03" };
    const database = openDatabase(file);
    for (const [id, day] of Object.entries(days)) {
      database.prepare(`update runs set created_at = ? where id = ?`).run([Date.parse(`${day}T12:00:00Z`), id]);
    }
    database.close();
    const { listener } = await serve({ store });
    const page = await open(listener.link, { width: 320 });
    await page.waitForSelector("text=3 runs");
    await page.getByLabel("Begun").selectOption("between");
    await page.getByLabel("Since").fill("2026-03-02T00:00:00");
    await page.waitForSelector("text=2 runs");
    await page.getByLabel("Until").fill("2026-03-02T12:00:00");
    await page.waitForSelector("text=No runs meet these conditions.");
    await page.getByLabel("Until").fill("2026-03-03T00:00:00");
    await page.waitForSelector(".virtual-row:has-text('second')");
    expect(await page.locator(".virtual-row").count()).toBe(1);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(320);
    await picture(page, "between");
    await page.reload();
    await page.waitForSelector(".virtual-row:has-text('second')");
    expect(await page.getByLabel("Until").inputValue()).toMatch(/^2026-03-03T00:00/u);
  });

  it("sees runs come and end, and steps through the cycles of one", async () => {
    const { listener, origin } = await serve({ store });
    const page = await open(listener.link);
    await page.waitForSelector("text=There are no runs yet.");
    await elevator().run({ store, runId: "lift" });
    await page.waitForSelector(".virtual-row:has-text('lift') .completed");
    await page.goto(`${origin}/#/runs/lift`);
    await page.waitForSelector("text=7 of 7");
    for (let i = 0; i < 3; i++) await page.getByRole("button", { name: "Cycle before" }).click();
    await page.waitForSelector("text=4 of 7");
    await page.waitForSelector("[data-node=moving].selected");
    expect(await page.locator(".stepper .values").innerText()).toContain("floor");
  });

  it("has no acts in a studio that only shows", async () => {
    await recordScene(store);
    const { listener, origin } = await serve({ store, readOnly: true });
    const page = await open(listener.link);
    await page.waitForSelector("text=read-only");
    await page.goto(`${origin}/#/runs/report-1?node=fetch`);
    await page.waitForSelector(".panel .attempts");
    expect(await page.getByRole("button", { name: /…$/u }).count()).toBe(0);
    expect(await page.getByText("Start a run").count()).toBe(0);
  });

  it("sees hostile names and values as text", async () => {
    const hostile = `<img src=x onerror="isCaught=true">"'</style><script>isCaught=true</script>`;
    const dag = new Dag<any>(hostile);
    dag.node(hostile, () => ({ [hostile]: hostile }));
    dag.node("fails", { after: [hostile] }, () => {
      throw new Error(hostile);
    });
    await dag.run({ store, runId: hostile }).catch(() => {});
    const { listener, origin } = await serve({ store, workflows: [dag] });
    const page = await open(listener.link);
    const id = encodeURIComponent(hostile);
    const places = [
      "#/runs",
      `#/runs/${id}?node=${id}`,
      `#/runs/${id}?view=timeline&node=fails`,
      `#/runs/${id}?view=nodes`,
      "#/workflows",
      "#/dead-letters",
      `#/start?workflow=${id}`,
      `#/compare?a=${id}&b=${id}`,
    ];
    for (const place of places) {
      await page.goto("about:blank");
      await page.goto(`${origin}/${place}`);
      await page.locator("main", { hasText: "onerror" }).waitFor();
      expect(
        await page.evaluate(
          `[globalThis.isCaught, document.querySelectorAll("main img, main script, main style").length]`,
        ),
      ).toEqual([undefined, 0]);
    }
  });

  it("scrolls through 10,000 runs, of which the page holds few", async () => {
    await elevator().run({ store, runId: "seed" });
    await store.close();
    const database = openDatabase(file);
    const columns = Object.keys((database.prepare("select * from runs limit 1").all([]) as object[])[0]);
    const values = columns.map((name) =>
      name === "id" ? "'bulk-' || i" : name === "created_at" ? "created_at - i" : name,
    );
    database
      .prepare(
        `insert into runs (${columns.join(", ")}) with recursive n(i) as (select 1 union all select i + 1 from n where i < 9999) ` +
          `select ${values.join(", ")} from runs, n where id = 'seed'`,
      )
      .run([]);
    database.close();
    store = sqliteStore(file);
    const { listener } = await serve({ store });
    const page = await open(listener.link);
    await page.waitForSelector("text=seed");
    await page.locator(".virtual-row a").first().focus();
    const last = `document.querySelector(".virtual-row:last-child")?.innerText.includes("bulk-9999")`;
    while ((await page.evaluate(last)) !== true) {
      await page.keyboard.press("End");
      await page.locator(".virtual-row :focus").waitFor();
      expect(await page.locator(".virtual-row").count()).toBeLessThan(100);
    }
    await page.waitForSelector("text=10,000 runs");
    await page.keyboard.press("Home");
    await page.waitForSelector("text=seed");
    await page.getByLabel("Search").fill("bulk-7777");
    await page.keyboard.press("Enter");
    await page.waitForSelector("text=1 runs");
    await picture(page, "searched");
  });

  it("moves a picture of 2,000 nodes without laying it out again", async () => {
    const dag = new Dag<any>("large");
    for (let i = 0; i < 2000; i++) {
      if (i < 20) dag.node(`n${i}`, () => i);
      else dag.node(`n${i}`, { after: [`n${i - 20}`, `n${i - 1}`] }, () => i);
    }
    await dag.run({ store, runId: "large" });
    const { listener, origin } = await serve({ store });
    const page = await open(listener.link);
    await page.goto(`${origin}/#/runs/large`);
    await page.waitForSelector("[data-node=n1999]", { state: "attached" });
    await picture(page, "large");
    const session = await page.context().newCDPSession(page);
    await session.send("Performance.enable");
    const layouts = async () => {
      const { metrics } = await session.send("Performance.getMetrics");
      return metrics.find(({ name }) => name === "LayoutCount")?.value ?? 0;
    };
    const place = () => page.evaluate(`document.querySelector(".pan-content").style.transform`);
    await page.mouse.move(600, 600);
    await page.mouse.down();
    await page.mouse.move(610, 600);
    await page.mouse.move(620, 600);
    const [before, from] = [await layouts(), await place()];
    for (let i = 0; i < 60; i++) await page.mouse.move(620 - 5 * i, 600 - 3 * i);
    expect(await place()).not.toBe(from);
    expect((await layouts()) - before).toBeLessThan(6);
    await page.mouse.up();
  });
});
