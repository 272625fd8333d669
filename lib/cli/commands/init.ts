import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import type { Command } from "commander";
import { show } from "../../base/check.js";
import { printable } from "../../observers/text.js";
import { UsageError } from "../exit.js";
import { print } from "../output.js";
import { projectFiles } from "../project-files.js";

interface InitOptions {
  readonly yes?: boolean;
  readonly name?: string;
}

export function addInit(root: Command): void {
  root
    .command("init")
    .summary("begin a project")
    .description("Writes a project that runs: TypeScript, a workflow, a test. The folder must be empty.")
    .argument("[folder]", "where to", ".")
    .option("-y, --yes", "asks nothing")
    .option("--name <name>", "the name of the project (default: that of the folder)")
    .action((folder: string, options: InitOptions) => init(folder, options));
}

async function init(where: string, { yes = false, name: given }: InitOptions): Promise<void> {
  const folder = resolve(where);
  requireEmpty(folder, where);
  const byDefault = packageName(basename(folder));
  const canAsk = !yes && process.stdin.isTTY && process.stdout.isTTY;
  const name = packageName(given ?? (canAsk ? await ask("Name of the project", byDefault) : byDefault));
  for (const [file, text] of projectFiles(name)) {
    mkdirSync(join(folder, file, ".."), { recursive: true });
    writeFileSync(join(folder, file), text, { flag: "wx" });
    print(`wrote ${printable(join(where, file))}`);
  }
  const way = relative(process.cwd(), folder);
  print(`
Now:
${way === "" ? "" : `  cd ${printable(way)}\n`}  npm install
  npm test
  npm start`);
}

/** @throws {UsageError} unless a folder is empty, or does not exist. What Git keeps of it does not count */
function requireEmpty(folder: string, where: string): void {
  if (!existsSync(folder)) return;
  if (!statSync(folder).isDirectory()) throw new UsageError(`${show(where)} is not a folder.`);
  const files = readdirSync(folder).filter((file) => file !== ".git");
  if (files.length === 0) return;
  throw new UsageError(`The folder is not empty: it has ${show(files[0])}. Name another: dagwright init my-project`);
}

async function ask(question: string, byDefault: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return (await lines.question(`${question} (${byDefault}): `)).trim() || byDefault;
  } finally {
    lines.close();
  }
}

/** A name that package managers accept. */
function packageName(text: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9-]+/gu, "-")
    .replace(/^-+|-+$/gu, "");
  return name === "" ? "workflows" : name;
}
