// In a checkout, the page is built by esbuild; in the package, it is part of dist/.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

export async function build() {
  const { outputFiles } = await esbuild.build({
    entryPoints: [here("main.tsx")],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    jsxImportSource: "preact",
    charset: "utf8",
  });
  const [html, css] = await Promise.all([readFile(here("index.html"), "utf8"), readFile(here("page.css"), "utf8")]);
  return { "index.html": html, "page.css": css, "page.js": outputFiles[0].text };
}
