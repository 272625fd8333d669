/** Whether a page can be used by everybody, as far as axe can tell. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What it is asked, in the page. */
const ASK = `axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations.map(({ id, impact, nodes }) =>
  impact + " " + id + ": " + nodes.map(({ html }) => html.slice(0, 200)).join(" | ")))`;

/** The problems that axe finds. It comes through the debugger, since the policy of the page allows no other script. */
export async function problemsOf(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  return page.evaluate(ASK);
}
