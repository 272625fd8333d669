/** A page about a run of `weather.ts`: what it found, what it is made of, and when each node ran. */
import { readFile, writeFile } from "node:fs/promises";
import { timelineSVG, toSVG } from "dagwright/pictures";
import type { RunDetails } from "dagwright/store";

const FOLDER = "samples/output";

/** Writes the page; returns its path. */
export async function writePage(run: RunDetails): Promise<string> {
  const path = `${FOLDER}/weather.html`;
  const sections = [
    ["What it found", await readFile(`${FOLDER}/weather.svg`, "utf8")],
    ["The workflow, as it ran", await toSVG(run, { direction: "LR", theme: "auto" })],
    ["When each attempt ran", timelineSVG(run, { theme: "auto" })],
  ];
  const body = sections.map(([title, content]) => `<section><h2>${title}</h2>${content}</section>`).join("\n");
  await writeFile(path, page(String(run.nodes.get("summary")?.output), body));
  return path;
}

function page(summary: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Seattle's weather</title>
<style>
  body { max-width: 900px; margin: 3rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; }
  section { margin-top: 2.5rem; }
  svg { max-width: 100%; height: auto; }
</style>
<h1>Seattle's weather</h1>
<p>${summary}</p>
${body}
</html>
`;
}
