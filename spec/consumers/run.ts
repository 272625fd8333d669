/**
 * Installs the packed package with the newest version of every tool in the table of docs/install.md, and runs three
 * programs with each: the README's first example, nodes on threads, and a recorded run. Prints what each tool does, and
 * fails if the table says otherwise. Arguments select the tools whose names begin with them.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { isBuiltin } from "node:module";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { capture } from "./capture.js";
import { install } from "./install.js";
import { INSTALL, PROGRAMS } from "./programs.js";
import { Project } from "./project.js";
import { KINDS, readTable, type Claims, type Kind } from "./table.js";
import { TOOLS, type Tool } from "./tools.js";

const FAILS = "does not work";

const table = readTable(INSTALL);
const tried = new Set(TOOLS.map(({ name }) => name));
for (const name of new Set([...tried, ...table.keys()])) {
  if (!table.has(name)) throw new Error(`The table in docs/install.md has no row for ${name}.`);
  if (!tried.has(name))
    throw new Error(`The table in docs/install.md has a row for ${name}, which tools.ts does not try.`);
}
const chosen = process.argv.slice(2);
const tools = TOOLS.filter(({ name }) => chosen.length === 0 || chosen.some((start) => name.startsWith(start)));
if (tools.length === 0) throw new Error(`No tool's name begins with ${chosen.join(" or ")}.`);

const home = mkdtempSync(join(tmpdir(), "dagwright-consumers-"));
const installed = join(home, "installed/node_modules");
/** Node has SQLite built in from 22.13 on. */
const drivers = isBuiltin("node:sqlite") ? [] : ["libsql"];
/** The programs that a bundle can run where no package is installed. */
const standalone = PROGRAMS.filter((program) => program !== "recorded" || drivers.length === 0);

const say = (line: string) => process.stdout.write(`${line}\n`);

/** What a tool does according to the table. */
function promised({ bundles }: Tool, { threads }: Claims): string {
  const where = threads?.length === 0 ? "thread" : "inline";
  return [
    `example, ${where}, recorded`,
    ...(threads === undefined || threads.length === 0 ? [] : [`with ${threads.join(", ")}: thread`]),
    ...(bundles === true ? [`alone: ${standalone.join(", ").replace("thread", "inline")}`] : []),
  ].join("; ");
}

/** What a tool does. @throws {Error} when a program fails */
async function found(tool: Tool, line: string, threads: readonly string[], printed: string[]): Promise<string> {
  const place = { home, installed, printed };
  const project = new Project(place, tool, line, ["dagwright", ...drivers]);
  await project.build();
  const parts = [await project.run(PROGRAMS)];
  if (threads.length > 0) {
    const more = new Project(place, tool, line, ["dagwright", ...drivers, ...threads]);
    await more.build();
    parts.push(`with ${threads.join(", ")}: ${await more.run(["thread"])}`);
  }
  if (tool.bundles === true) parts.push(`alone: ${await project.run(standalone, project.alone())}`);
  return parts.join("; ");
}

const titleOf = ({ name, variant }: Tool) => (variant === undefined ? name : `${name} (${variant})`);

/** Prints what a tool does with a kind of decorators. Returns whether the table agrees. */
async function isTrue(tool: Tool, kind: Kind): Promise<boolean> {
  const claims = table.get(tool.name) as Claims;
  const line = claims.lines[kind];
  const wanted = line === undefined ? FAILS : promised(tool, claims);
  const printed: string[] = [];
  const text = await found(tool, line ?? "", claims.threads ?? [], printed).catch((error: unknown) => {
    printed.push((error as Error).message);
    return FAILS;
  });
  say(`${titleOf(tool)}, ${kind}: ${text}`);
  if (text === wanted) return true;
  say(`  The table in docs/install.md promises "${wanted}".\n${printed.join("\n").replace(/^/gmu, "  | ")}`);
  return false;
}

/** Why a tool can't be tried here; undefined if it can. */
async function obstacle({ packages, check }: Tool): Promise<string | undefined> {
  const missing = packages.filter((name) => !existsSync(join(installed, name)));
  if (missing.length > 0) return `${missing.join(" and ")} can't be installed here`;
  if (check === undefined) return undefined;
  const [name, ...args] = check;
  return capture([join(installed, ".bin", name), ...args], { cwd: home }).then(
    () => undefined,
    () => `${name} does not start here`,
  );
}

async function tryAll(tools: readonly Tool[]): Promise<boolean> {
  const packages = tools.flatMap((tool) => [...tool.packages, ...(table.get(tool.name)?.threads ?? [])]);
  await install(join(home, "installed"), drivers, Array.from(new Set(packages)));
  const trials: [Tool, Kind][] = [];
  for (const tool of tools) {
    const problem = await obstacle(tool);
    if (problem === undefined) for (const kind of KINDS) trials.push([tool, kind]);
    else say(`${titleOf(tool)}: skipped, since ${problem}`);
  }
  if (trials.length === 0) return false;
  const failed: [Tool, Kind][] = [];
  const worker = async () => {
    for (let next = trials.shift(); next !== undefined; next = trials.shift()) {
      if (!(await isTrue(...next))) failed.push(next);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  // A tool may have run out of time or memory beside another.
  let areTrue = true;
  for (const [tool, kind] of failed) {
    say(`${titleOf(tool)}, ${kind}, once more, alone:`);
    areTrue = (await isTrue(tool, kind)) && areTrue;
  }
  return areTrue;
}

try {
  if (!(await tryAll(tools))) process.exitCode = 1;
} finally {
  rmSync(home, { recursive: true, force: true, maxRetries: 5 });
}
