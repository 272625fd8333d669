import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeEach, describe, expect, it } from "vitest";

const script = fileURLToPath(new URL("../.github/release.ts", import.meta.url));
const tsx = createRequire(import.meta.url).resolve("tsx/cli");
const home = mkdtempSync(join(tmpdir(), "dagwright-release-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const today = new Date().toISOString().slice(0, 10);
const author = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"];

/** A repository, and the one that it is pushed to. */
let folder: string;
let origin: string;
const git = (...args: string[]) => execFileSync("git", [...author, ...args], { cwd: folder, encoding: "utf8" }).trim();
const gitAtOrigin = (...args: string[]) => execFileSync("git", args, { cwd: origin, encoding: "utf8" }).trim();
const read = (file: string) => readFileSync(join(folder, file), "utf8");

function write(files: Readonly<Record<string, string>>): void {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
}

function commit(files: Readonly<Record<string, string>>): void {
  write(files);
  git("add", "--all");
  git("commit", "--quiet", "--message", "Change");
  git("push", "--quiet", "origin", "main");
}

const manifest = (test: string) => {
  const checks = ["lint", "typecheck", "docs", "build", "package-check"].map((name) => [name, "node -v"]);
  return JSON.stringify({ name: "small", version: "1.0.0", scripts: { ...Object.fromEntries(checks), test } }, null, 2);
};
const changelog = (heading: string) =>
  `# Changelog\n\n## ${heading}\n\n- Something new.\n\n## 1.0.0 (2020-01-01)\n\n- All.\n`;

/** What the script prints, and whether it succeeds. */
function release(...args: string[]): Promise<{ readonly isDone: boolean; readonly said: string }> {
  const identity = { GIT_AUTHOR_NAME: "S", GIT_AUTHOR_EMAIL: "s@example.org" };
  const env = { ...process.env, ...identity, GIT_COMMITTER_NAME: "S", GIT_COMMITTER_EMAIL: "s@example.org" };
  return new Promise((resolve) =>
    execFile(process.execPath, [tsx, script, ...args], { cwd: folder, env }, (error, stdout, stderr) =>
      resolve({ isDone: error === null, said: stdout + stderr }),
    ),
  );
}

beforeEach(() => {
  folder = mkdtempSync(join(home, "clone-"));
  origin = mkdtempSync(join(home, "origin-"));
  gitAtOrigin("init", "--quiet", "--bare", "--initial-branch=main");
  git("init", "--quiet", "--initial-branch=main");
  git("remote", "add", "origin", origin);
  commit({
    "package.json": manifest("node -v"),
    "package-lock.json": JSON.stringify({ name: "small", version: "1.0.0", lockfileVersion: 3, packages: {} }),
    "CHANGELOG.md": changelog("1.1.0 (unreleased)"),
    "lib/base/own-files.ts": 'export const VERSION = "1.0.0";\n',
  });
});

describe("npm run release", () => {
  it("checks whether a version can be released, and changes nothing", async () => {
    const before = git("rev-parse", "HEAD");
    const { isDone, said } = await release();
    expect(said).toContain("v1.1.0 can be released: npm run release -- --publish");
    expect(isDone).toBe(true);
    expect(git("status", "--porcelain")).toBe("");
    expect([git("rev-parse", "HEAD"), git("tag")]).toEqual([before, ""]);
  });

  it("with --publish dates the changelog, sets the version, and pushes the commit with its tag", async () => {
    const { isDone, said } = await release("--publish");
    expect(said).toContain("v1.1.0 is tagged.");
    expect(isDone).toBe(true);
    expect(read("CHANGELOG.md")).toBe(changelog(`1.1.0 (${today})`));
    expect(read("lib/base/own-files.ts")).toBe('export const VERSION = "1.1.0";\n');
    for (const file of ["package.json", "package-lock.json"]) {
      expect(JSON.parse(read(file))).toMatchObject({ version: "1.1.0" });
    }
    expect(git("status", "--porcelain")).toBe("");
    const released = git("rev-parse", "HEAD");
    expect(git("log", "-1", "--format=%s")).toBe("Release 1.1.0");
    expect([gitAtOrigin("rev-parse", "main"), gitAtOrigin("rev-parse", "v1.1.0^{commit}")]).toEqual([
      released,
      released,
    ]);
    expect(await release("--publish")).toEqual({
      isDone: false,
      said: "v1.1.0 is released already. Add a section to CHANGELOG.md.\n",
    });
  });

  it.each<[string, string, () => void]>([
    ["a changed working tree", "The working tree has changes", () => write({ "new.txt": "" })],
    ["another branch", "Releases are made on main", () => git("checkout", "--quiet", "-b", "other")],
    [
      "a main that origin does not have",
      "main differs from origin's",
      () => git("commit", "--quiet", "--allow-empty", "--message", "Mine"),
    ],
    [
      "a version of another day",
      "CHANGELOG.md begins with 1.0.0",
      () => commit({ "CHANGELOG.md": changelog("1.0.0 (2021-01-01)") }),
    ],
    ["a changelog without a section", "has no section like", () => commit({ "CHANGELOG.md": "# Changelog\n" })],
    ["a check that fails", "npm run test", () => commit({ "package.json": manifest("node nothing.js") })],
  ])("refuses %s", async (_, problem, spoil) => {
    spoil();
    const before = git("rev-parse", "HEAD");
    const { isDone, said } = await release("--publish");
    expect(said).toContain(problem);
    expect(isDone).toBe(false);
    expect([git("rev-parse", "HEAD"), git("tag"), gitAtOrigin("tag")]).toEqual([before, "", ""]);
  });

  it("has no other options", async () => {
    expect(await release("--now")).toEqual({ isDone: false, said: "The only option is --publish; received --now.\n" });
  });
});
