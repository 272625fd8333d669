import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { anchorOf } from "../../docs/.vitepress/anchors.js";

/** The folder of the package. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A page of the documentation. */
export interface Page {
  /** Relative to the package, with slashes. */
  readonly path: string;
  readonly text: string;
}

const DOCS = join(ROOT, "docs");

/** Written by tools, and not by us. */
const isOurs = (path: string) => !/^(?:\.vitepress|api)\b/u.test(path);

/** README.md, and all pages in `docs/` and the folders in it. */
export const PAGES: readonly Page[] = [
  join(ROOT, "README.md"),
  ...readdirSync(DOCS, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".md") && isOurs(path))
    .sort()
    .map((path) => join(DOCS, path)),
].map((path) => ({ path: relative(ROOT, path).split(sep).join("/"), text: readFileSync(path, "utf8") }));

/** A page without its code: what looks like a heading or a link there is none. */
export const proseOf = ({ text }: Page): string => text.replace(/^ *```.*?^ *```$/gmsu, "");

/** The TypeScript of a page, one block after another. */
export const codeOf = ({ text }: Page): string =>
  Array.from(text.matchAll(/^```ts\n(.*?)^```$/gmsu), ([, block]) => block).join("\n");

/** The code of a page that shows another library, as one module. */
export const peerCodeOf = ({ text }: Page): string =>
  Array.from(text.matchAll(/^```typescript\n(.*?)^```$/gmsu), ([, block]) => block).join("\n");

/** The first block of a page in a language, by the name after its fence. */
export const blockOf = ({ text }: Page, language: string): string =>
  new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "msu").exec(text)?.[1] ?? "";

/** The headings of a page, from the second level on, without their marks. */
export const headingsOf = (page: Page): string[] =>
  Array.from(proseOf(page).matchAll(/^##+ (.*)$/gmu), ([, heading]) => heading);

/** What a link may have after its `#`. */
export const anchorsOf = (page: Page): string[] =>
  Array.from(proseOf(page).matchAll(/^#+ (.*)$/gmu), ([, heading]) => anchorOf(heading));

/** The links of a page to files of the package. */
export const linksOf = (page: Page): string[] =>
  Array.from(proseOf(page).matchAll(/\]\(([^)\s]+)\)/gu), ([, link]) => link).filter((link) => !/^[a-z]+:/u.test(link));
