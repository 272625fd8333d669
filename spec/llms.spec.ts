import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { linksOf, PAGES, ROOT, type Page } from "./support/pages.js";

const LISTS = ["docs/index.md", "README.md"];

/** The pages that there are, relative to `docs/`. */
const pages = PAGES.map(({ path }) => path)
  .filter((path) => !LISTS.includes(path))
  .map((path) => path.slice("docs/".length))
  .sort();

describe.each(LISTS)("%s", (path) => {
  const page: Page = { path, text: readFileSync(join(ROOT, path), "utf8") };

  it("lists every page of the documentation", () => {
    const listed = linksOf(page).map((link) => link.replace(/^docs\//u, ""));
    expect(listed).toEqual(expect.arrayContaining(pages));
  });
});

describe("docs/llms.txt", () => {
  const text = readFileSync(join(ROOT, "docs/llms.txt"), "utf8");

  it("has a title, a summary, and sections of links that each have one line", () => {
    expect(text).toMatch(/^# dagwright\n\n(?:> .*\n)+\n/u);
    const [, ...sections] = text.split(/^## /mu);
    expect(sections.map((section) => section.split("\n", 1)[0])).toContain("Optional");
    for (const section of sections) expect(section.trimEnd()).toMatch(/^.+\n\n(?:- \[[^\]]+\]\([^)]+\): \S.*\n?)+$/u);
  });

  it("lists each page once, and nothing else", () => {
    expect(linksOf({ path: "docs/llms.txt", text }).sort()).toEqual(pages);
  });
});
