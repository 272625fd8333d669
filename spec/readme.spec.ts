import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { anchorsOf, linksOf } from "./support/pages.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const tsx = createRequire(import.meta.url).resolve("tsx/cli");

it("The README's first example prints what it says", { tags: "slow" }, () => {
  const [, example] = /```ts\n(.*?)```/su.exec(readFileSync(`${root}README.md`, "utf8")) ?? [];
  const code = example.replace('"dagwright"', JSON.stringify(`${root}lib/index.ts`));
  const promised = Array.from(example.matchAll(/console\.log\(.*?\); \/\/ ([^,\n]+)/gu), ([, text]) => text);
  const folder = mkdtempSync(join(tmpdir(), "dagwright-"));
  writeFileSync(join(folder, "example.mts"), code);
  const { stdout, stderr } = spawnSync(process.execPath, [tsx, join(folder, "example.mts")], {
    cwd: root,
    encoding: "utf8",
  });
  rmSync(folder, { recursive: true });
  expect(stderr).toBe("");
  expect(promised).toHaveLength(3);
  expect(stdout.trimEnd().split("\n")).toEqual(promised);
});

it.each(["README.md", "CONTRIBUTING.md"])("%s links only to files in the package", (path) => {
  const { files } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as { files: string[] };
  const page = { path, text: readFileSync(`${root}${path}`, "utf8") };
  const links = linksOf(page);
  expect(links).not.toEqual([]);
  for (const link of links) {
    if (link.startsWith("#")) expect(anchorsOf(page)).toContain(link.slice(1));
    else {
      expect(existsSync(`${root}${link}`), link).toBe(true);
      expect([...files, "README.md"], link).toContain(link.split("/")[0]);
    }
  }
});
