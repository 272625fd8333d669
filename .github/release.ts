/**
 * Releases the version that CHANGELOG.md begins with: checks everything, and with `--publish` commits the version and its date,
 * tags the commit and pushes both. The workflow release.yml then publishes the package with provenance, which npm signs only
 * there. Without `--publish` nothing changes.
 */
import { execFileSync, execSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

const CHECKS = ["lint", "typecheck", "docs", "test", "build", "package-check"];
const VERSION_FILE = "lib/base/own-files.ts";

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const git = (...args: string[]) => execFileSync("git", args, { encoding: "utf8" }).trim();

function ensure(condition: boolean, problem: string): asserts condition {
  if (!condition) throw new Error(problem);
}

/** Replaces a text in a file. @throws {Error} when the file does not have it */
function edit(file: string, before: RegExp, after: string): void {
  const text = readFileSync(file, "utf8");
  ensure(before.test(text), `${file} has no text like ${before}.`);
  writeFileSync(file, text.replace(before, after));
}

function release(args: readonly string[]): void {
  const isDry = args.length === 0;
  ensure(isDry || args.join(" ") === "--publish", `The only option is --publish; received ${args.join(" ")}.`);

  ensure(git("branch", "--show-current") === "main", "Releases are made on main.");
  ensure(git("status", "--porcelain") === "", "The working tree has changes. Commit or stash them.");
  git("fetch", "--quiet", "--tags", "origin", "main");
  const isPushed = git("rev-parse", "HEAD") === git("rev-parse", "FETCH_HEAD");
  ensure(isPushed, "main differs from origin's. Pull or push first.");

  const today = new Date().toISOString().slice(0, 10);
  const section = /^## (\d+\.\d+\.\d+(?:-[\w.]+)?) \((.*)\)\n\n- /mu;
  const [, version, date] = section.exec(readFileSync("CHANGELOG.md", "utf8")) ?? [];
  const tag = `v${version}`;
  ensure(version !== undefined, "CHANGELOG.md has no section like ## 1.2.3 (unreleased), with a list of changes.");
  ensure(date === "unreleased" || date === today, `CHANGELOG.md begins with ${version} of ${date}. Add a section.`);
  ensure(git("tag", "--list", tag) === "", `${tag} is released already. Add a section to CHANGELOG.md.`);

  for (const check of CHECKS) execSync(`npm run ${check}`, { stdio: "inherit" });
  ensure(git("status", "--porcelain") === "", "The checks have changed files.");

  if (isDry) return say(`${tag} can be released: npm run release -- --publish`);

  edit("CHANGELOG.md", section, `## ${version} (${today})\n\n- `);
  edit(VERSION_FILE, /VERSION = ".*"/u, `VERSION = "${version}"`);
  execSync(`npm version ${version} --no-git-tag-version --allow-same-version`, { stdio: "inherit" });
  git("commit", "--all", "--allow-empty", "--message", `Release ${version}`);
  git("tag", "--annotate", tag, "--message", tag);
  git("push", "--atomic", "origin", "main", tag);
  say(`${tag} is tagged. The workflow "Release" publishes it.`);
}

try {
  release(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
