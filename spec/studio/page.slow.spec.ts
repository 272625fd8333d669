import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sqliteStore, type SqlStore } from "dagwright/store";
import { problemsOf } from "../support/axe.js";
import { hasBrowser, useBrowser } from "../support/browser.js";
import { elevator, imports, recordScene, reports } from "../support/studio-scene.js";
import { useStudios, type Served } from "../support/studios.js";
import { until } from "../support/waiting.js";

const serve = useStudios();
const { open, picture } = useBrowser();

/** By name: where it is, and what is there once it is complete. */
const PAGES: Readonly<Record<string, readonly [path: string, ready: string]>> = {
  runs: ["#/runs", "text=report-1"],
  graph: ["#/runs/report-1", "[data-node=render]"],
  node: ["#/runs/report-1?node=fetch", ".panel .attempts"],
  map: ["#/runs/report-1?node=enrich&view=nodes", ".panel table"],
  timeline: ["#/runs/report-1?view=timeline", ".timeline-row"],
  nodes: ["#/runs/report-1?view=nodes", "table"],
  values: ["#/runs/report-1?view=values", "text=Ada Lovelace"],
  failed: ["#/runs/import-2?node=parse", ".panel .problem"],
  fsm: ["#/runs/elevator-1", "[data-node=parked]"],
  compare: ["#/compare?a=import-1&b=import-2", "table"],
  start: ["#/start?workflow=reports", "fieldset"],
  workflows: ["#/workflows", ".card"],
  schedules: ["#/schedules", ".empty"],
  services: ["#/services", ".numbers"],
  letters: ["#/dead-letters", ".card"],
};

/** How much wider than the window the page is. */
const OVERFLOW = `[document.scrollingElement, document.querySelector("main")].map((part) => part.scrollWidth - part.clientWidth)`;

describe.skipIf(!hasBrowser)("The page of a studio", () => {
  let store: SqlStore;
  let served: Served;
  beforeEach(async () => {
    store = sqliteStore(":memory:");
    await recordScene(store);
    served = await serve({ store, workflows: [reports(), imports(), elevator()] });
  });
  afterEach(() => store.close());

  for (const [name, [path, ready]] of Object.entries(PAGES)) {
    it(`shows ${name} in both themes, also on a phone, and axe finds no fault`, async () => {
      for (const theme of ["light", "dark"] as const) {
        const page = await open(served.listener.link, { theme });
        const faults: string[] = [];
        const hosts = new Set<string>();
        page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
        page.on("pageerror", (error) => faults.push(String(error)));
        page.on("request", (request) => hosts.add(new URL(request.url()).host));
        await page.goto(`${served.origin}/${path}`);
        await page.waitForSelector(ready);
        await picture(page, `${name}-${theme}`);
        expect(await problemsOf(page)).toEqual([]);
        await page.setViewportSize({ width: 320, height: 640 });
        await until(async () => (await page.evaluate("innerWidth")) === 320);
        await page.waitForSelector(ready);
        await picture(page, `${name}-${theme}-phone`);
        expect(await page.evaluate(OVERFLOW)).toEqual([0, 0]);
        expect(await problemsOf(page)).toEqual([]);
        expect(faults).toEqual([]);
        expect(Array.from(hosts)).toEqual([new URL(served.origin).host]);
        expect(page.url()).not.toContain(served.studio.token);
      }
    });
  }
});
