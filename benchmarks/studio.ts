/**
 * Does a picture of 2,000 nodes follow the hand that moves it, at 60 frames a second?
 *
 * Opens the studio in Chromium and moves the picture once a frame. What a frame costs is measured in processor time of
 * the page's thread, which does not depend on other programs; the rest of 16.7 ms is for the browser's own threads. Frames
 * a second depend on the machine, so those of the same page at rest are printed beside them. Needs Chromium, where the
 * specs look for it: /usr/bin/chromium, or DAGWRIGHT_TEST_CHROMIUM.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Dag } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { chromium, type CDPSession, type Page } from "playwright-core";
import { expectSame, round, verdict } from "./measure.js";

const NODES = 2000;
const FRAMES = 240;
const executablePath = process.env["DAGWRIGHT_TEST_CHROMIUM"] ?? "/usr/bin/chromium";

/** Calls `step` with the number of each frame; resolves with the frames a second. */
const perFrame = (step: string) => `new Promise((resolve) => {
  const began = performance.now();
  const frame = (i) => {
    if (i === ${FRAMES}) return resolve((1000 * i) / (performance.now() - began));
    (${step})(i);
    requestAnimationFrame(() => frame(i + 1));
  };
  requestAnimationFrame(() => frame(0));
})`;
const REST = perFrame("() => {}");
/** Moved by the wheel, to and fro. */
const MOVE = perFrame(`(i) => document.querySelector(".pan-frame").dispatchEvent(new WheelEvent("wheel", {
  deltaY: i % 120 < 60 ? 9 : -9, shiftKey: true, bubbles: true, cancelable: true,
}))`);

async function metric(session: CDPSession, name: string): Promise<number> {
  const { metrics } = await session.send("Performance.getMetrics");
  return metrics.find((each) => each.name === name)?.value ?? NaN;
}

async function measure(page: Page, session: CDPSession, script: string) {
  const before = { time: await metric(session, "TaskDuration"), layouts: await metric(session, "LayoutCount") };
  const rate = await page.evaluate<number>(script);
  const time = ((await metric(session, "TaskDuration")) - before.time) * 1000;
  return { rate, time: time / FRAMES, layouts: (await metric(session, "LayoutCount")) - before.layouts };
}

const folder = mkdtempSync(join(tmpdir(), "dagwright-bench-"));
const file = join(folder, "runs.db");
const store = sqliteStore(file);
const dag = new Dag<any>("large");
for (let i = 0; i < NODES; i++) {
  if (i < 20) dag.node(`n${i}`, () => i);
  else dag.node(`n${i}`, { after: [`n${i - 20}`, `n${i - 1}`] }, () => i);
}
await dag.run({ store, runId: "large" });
await store.close();

const cli = fileURLToPath(new URL("../../dist/cli.mjs", import.meta.url));
const studio = spawn(process.execPath, [cli, "studio", "--store", file, "--port", "0"], {
  stdio: ["ignore", "pipe", "inherit"],
});
const link = await new Promise<string>((resolve) => {
  let text = "";
  studio.stdout.on("data", (part) => {
    const [found] = /http:\S+/u.exec((text += String(part))) ?? [];
    if (found !== undefined) resolve(found);
  });
});
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.goto(link);
  await page.goto(`${new URL(link).origin}/#/runs/large`);
  await page.waitForSelector(`[data-node=n${NODES - 1}]`, { state: "attached" });
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  await measure(page, session, MOVE);
  const rest = await measure(page, session, REST);
  const moved = await measure(page, session, MOVE);
  console.log(`at rest: ${round(rest.rate)} frames/s, ${round(rest.time)} ms of processor time a frame`);
  console.log(`moved: ${round(moved.rate)} frames/s, ${round(moved.time)} ms of processor time a frame`);
  expectSame(moved.layouts, 0, "the number of layouts");
  verdict("a frame of 2,000 moved nodes, ms of processor time", moved.time, "≤", 4);
} finally {
  await browser.close();
  studio.kill();
  rmSync(folder, { recursive: true, force: true });
}
