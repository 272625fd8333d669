import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { PAGES, proseOf, ROOT, type Page } from "./support/pages.js";

it("docs/guarantees.md names specs that there are", () => {
  const page = PAGES.find(({ path }) => path === "docs/guarantees.md") as Page;
  const named = Array.from(proseOf(page).matchAll(/`([\w/-]+\.[\w.]+\.ts)`/gu), ([, path]) => path);
  expect(named.length).toBeGreaterThan(30);
  expect(named.filter((path) => !existsSync(join(ROOT, "spec", path)))).toEqual([]);
});
