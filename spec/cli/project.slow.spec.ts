import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { dagwright, files, root } from "../support/command.js";
import { Scripts } from "../support/scripts.js";

const { path } = files();

describe("dagwright init", () => {
  const scripts = new Scripts();

  it("writes a project whose test is green, and whose run is recorded", async () => {
    const folder = path("my-project");
    const { code, stdout } = await dagwright(["init", folder, "--yes"]);
    expect(stdout).toContain("npm install");
    expect(code).toBe(0);
    const { name, scripts: own } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    expect(name).toBe("my-project");
    // Instead of npm install: the packages of this checkout, and a build of it.
    const packages = join(folder, "node_modules");
    mkdirSync(packages);
    for (const each of ["tsx", "esbuild", "libsql", "@libsql", "@neon-rs", "typescript", "@types", "detect-libc"]) {
      symlinkSync(join(root, "node_modules", each), join(packages, each), "junction");
    }
    symlinkSync(join(scripts.write("x", ""), "../node_modules/dagwright"), join(packages, "dagwright"), "junction");
    // Its own tsconfig.json counts.
    const env = { ...process.env, TSX_TSCONFIG_PATH: undefined };
    const node = (...args: string[]) => spawnSync(process.execPath, args, { cwd: folder, env, encoding: "utf8" });

    expect(own.test).toBe("node --import tsx --test src/words.test.ts");
    const test = node(...own.test.split(" ").slice(1));
    expect(test.stdout).toMatch(/^(?:#|ℹ) pass 1$/mu);
    expect(own.start).toBe("dagwright run src/words.ts --store runs.db");
    const start = node(join(packages, "dagwright/dist/cli.mjs"), ...own.start.split(" ").slice(1));
    expect(start.stdout).toContain('10 words, most often "to"');
    expect(start.status).toBe(0);
    const runs = node(join(packages, "dagwright/dist/cli.mjs"), "runs", "--store", "runs.db", "--json");
    expect(JSON.parse(runs.stdout)).toMatchObject({ workflow: "words", status: "completed" });
  });

  it("refuses a folder that is not empty", async () => {
    const folder = path("full");
    mkdirSync(folder);
    writeFileSync(join(folder, "notes.txt"), "");
    const { code, stderr } = await dagwright(["init", folder, "--yes"]);
    expect(stderr).toContain('The folder is not empty: it has "notes.txt".');
    expect(code).toBe(2);
  });
});

it("dagwright doctor tells what works", async () => {
  const { code, stdout } = await dagwright(["doctor"]);
  for (const subject of ["Node", "TypeScript", "decorators", "SQLite", "threads"]) {
    expect(stdout).toMatch(new RegExp(`^✔ ${subject} `, "mu"));
  }
  expect(code).toBe(0);
});
