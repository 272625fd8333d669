/** A browser for specs: the Chromium of the system, without a window. */
import { existsSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { afterAll, afterEach } from "vitest";

const CANDIDATES = [
  process.env["DAGWRIGHT_TEST_CHROMIUM"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];
const path = CANDIDATES.find((candidate) => candidate !== undefined && existsSync(candidate));

/** Whether there is one. */
export const hasBrowser = path !== undefined;

if (!hasBrowser) {
  process.stderr.write(
    "No Chromium was found: what needs a browser is skipped. Install it, or set DAGWRIGHT_TEST_CHROMIUM.\n",
  );
}

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Where pictures of pages are, to be looked at. */
const FOLDER = fileURLToPath(new URL("../output/studio/", import.meta.url));

export interface OpenOptions {
  readonly width?: number;
  readonly height?: number;
  readonly theme?: "light" | "dark";
}

/** Opens pages, each in a browser of its own as far as it can tell, and closes them after each spec. */
export function useBrowser() {
  let browser: Promise<Browser> | undefined;
  const contexts: BrowserContext[] = [];
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
  });
  afterAll(async () => (await browser)?.close());
  mkdirSync(FOLDER, { recursive: true });
  return {
    open: async (url: string, { width = 1280, height = 800, theme = "light" }: OpenOptions = {}): Promise<Page> => {
      browser ??= chromium.launch({ executablePath: path as string, args: FLAGS });
      const context = await (
        await browser
      ).newContext({
        viewport: { width, height },
        colorScheme: theme,
        reducedMotion: "reduce",
        locale: "en-GB",
        timezoneId: "UTC",
      });
      contexts.push(context);
      const page = await context.newPage();
      await page.goto(url);
      return page;
    },
    /** Keeps a picture of a page. */
    picture: async (page: Page, name: string): Promise<void> => {
      await page.screenshot({ path: `${FOLDER}${name}.png` });
    },
  };
}
