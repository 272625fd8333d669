import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { isSource, ownFolder } from "../base/own-files.js";
import { themeCss } from "./theme-css.js";
import { answer } from "./answer.js";

/** The files of the page, by name. */
type Files = Readonly<Record<"index.html" | "page.css" | "page.js", string>>;

/** In a checkout, the page is built when it is first asked for. */
const SOURCE_PAGE = "lib/studio/page/page.dev.mjs";

const TYPES = { html: "text/html", css: "text/css", js: "text/javascript", svg: "image/svg+xml" } as const;

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#2360d8"/><path d="M9 9v14M9 16h7a6 6 0 0 0 6-6" fill="none" stroke="#fff" stroke-width="2.5"/><g fill="#fff"><circle cx="9" cy="9" r="3.2"/><circle cx="9" cy="23" r="3.2"/><circle cx="22" cy="9" r="3.2"/></g></svg>`;

let files: Promise<Files> | undefined;

/** A file of the page; undefined if it has none of this name. Nothing else is ever read. */
export async function pageFile(name: string): Promise<Response | undefined> {
  switch (name) {
    case "":
      return file("html", (await pageFiles())["index.html"]);
    case "page.js":
      return file("js", (await pageFiles())["page.js"]);
    case "page.css":
      return file("css", (await pageFiles())["page.css"]);
    case "pictures.css":
      return file("css", themeCss());
    case "icon.svg":
      return file("svg", ICON);
    default:
      return undefined;
  }
}

function file(type: keyof typeof TYPES, text: string): Response {
  return answer(text, `${TYPES[type]}; charset=utf-8`, { headers: { "Cache-Control": "no-cache" } });
}

function pageFiles(): Promise<Files> {
  files ??= readAll();
  files.catch(() => (files = undefined));
  return files;
}

async function readAll(): Promise<Files> {
  const root = ownFolder();
  if (isSource()) {
    const { href } = pathToFileURL(join(root, SOURCE_PAGE));
    return ((await import(href)) as { build: () => Promise<Files> }).build();
  }
  const read = (name: string) => readFile(join(root, "dist/studio", name), "utf8");
  const [html, css, js] = await Promise.all([read("index.html"), read("page.css"), read("page.js")]);
  return { "index.html": html, "page.css": css, "page.js": js };
}
