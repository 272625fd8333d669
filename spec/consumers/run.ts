/**
 * Installs the packed package beside the newest version of every tool of the README's table, and runs three programs with each:
 * the README's first example, nodes on threads, and a recorded run. Says what each tool does, and fails when the table says
 * otherwise. Takes the beginnings of tools' names, to try these alone.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { isBuiltin } from "node:module";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { capture } from "./capture.js";
import { install } from "./install.js";
import { PROGRAMS, README } from "./programs.js";
import { Project } from "./project.js";
import { KINDS, readTable, type Claims, type Kind } from "./table.js";
import { TOOLS, type Tool } from "./tools.js";

const FAILS = "does not work";

const table = readTable(README);
const tried = new Set(TOOLS.map(({ name }) => name));
for (const name of new Set([...tried, ...table.keys()])) {
  if (!table.has(name)) throw new Error(`The table in README.md has no row for ${name}.`);
  if (!tried.has(name)) throw new Error(`The table in README.md has a row for ${name}, which nobody tries.`);
}
const chosen = process.argv.slice(2);
const tools = TOOLS.filter(({ name }) => chosen.length === 0 || chosen.some((start) => name.startsWith(start)));
if (tools.length === 0) throw new Error(`No tool's name begins with ${chosen.join(" or ")}.`);

const home = mkdtempSync(join(tmpdir(), "dagwright-consumers-"));
const installed = join(home, "installed/node_modules");
/** Node brings SQLite along from 22.13 on. */
const drivers = isBuiltin("node:sqlite") ? [] : ["libsql"];
/** What a bundle can do where nothing is installed. */
const lonely = PROGRAMS.filter((program) => program !== "recorded" || drivers.length === 0);

const say = (line: string) => process.stdout.write(`${line}\n`);

/** What the table says that a tool does. */
function promised({ bundles }: Tool, { threads }: Claims): string {
  const where = threads?.length === 0 ? "thread" : "inline";
  return [
    `example, ${where}, recorded`,
    ...(threads === undefined || threads.length === 0 ? [] : [`with ${threads.join(", ")}: thread`]),
    ...(bundles === true ? [`alone: ${lonely.join(", ").replace("thread", "inline")}`] : []),
  ].join("; ");
}

/** What it does. @throws {Error} when a program does not do what it should */
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
  if (tool.bundles === true) parts.push(`alone: ${await project.run(lonely, project.alone())}`);
  return parts.join("; ");
}

const titleOf = ({ name, variant }: Tool) => (variant === undefined ? name : `${name} (${variant})`);

/** Says what a tool does with a kind of decorators; whether the table says so, too. */
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
  say(`  The table in README.md promises "${wanted}".\n${printed.join("\n").replace(/^/gmu, "  | ")}`);
  return false;
}

/** Why a tool can't be tried here. */
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
  let areTrue = trials.length > 0;
  const worker = async () => {
    for (let next = trials.shift(); next !== undefined; next = trials.shift()) {
      if (!(await isTrue(...next))) areTrue = false;
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return areTrue;
}

try {
  if (!(await tryAll(tools))) process.exitCode = 1;
} finally {
  rmSync(home, { recursive: true, force: true, maxRetries: 5 });
}
