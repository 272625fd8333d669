import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Command } from "commander";
import { getTsconfig } from "get-tsconfig";
import { messageOf } from "../../base/message.js";
import { tsxFor } from "../../base/typescript.js";
import type { Dag } from "../../index.js";
import { brief } from "../../observers/text.js";
import { styleOf } from "../../observers/style.js";
import { sqliteStore } from "../../store.js";
import { Exit } from "../exit.js";
import { print, printLine } from "../output.js";

/** What one check has found. */
interface Finding {
  readonly subject: string;
  readonly isFine: boolean;
  readonly text: string;
  /** What to do. */
  readonly advice?: string;
}

export function addDoctor(root: Command): void {
  root
    .command("doctor")
    .summary("check this machine and project")
    .description("Checks what workflows need: Node, TypeScript and decorators, SQLite, Postgres, worker threads.")
    .action(async () => {
      const { signs } = styleOf(process.stdout);
      let worst: number = Exit.completed;
      for (const check of [node, typeScript, decorators, sqlite, postgres, threads]) {
        const { subject, isFine, text, advice } = await check();
        if (!isFine) worst = Exit.failed;
        printLine([
          [isFine ? signs.done : signs.failed, isFine ? "green" : "red"],
          [` ${subject.padEnd(12)}`, "bold"],
          [`  ${brief(text)}`],
        ]);
        if (advice !== undefined) print(`  ${" ".repeat(14)}${advice}`);
      }
      process.exitCode = worst;
    });
}

function node(): Finding {
  const [major, minor] = process.versions.node.split(".").map(Number);
  const isFine = major > 20 || (major === 20 && minor >= 19);
  return { subject: "Node", isFine, text: process.version, ...(isFine ? {} : { advice: "Use Node 20.19 or later." }) };
}

function typeScript(): Finding {
  const subject = "TypeScript";
  const manifest = tsxFor(join(process.cwd(), "_"));
  if (manifest !== undefined) {
    const { version } = createRequire(manifest)(manifest) as { version: string };
    return { subject, isFine: true, text: `runs as it is, through tsx ${version}` };
  }
  const isStripped = (process.features as { typescript?: unknown }).typescript !== undefined;
  const advice = 'Run "npm install --save-dev tsx" to run it as it is.';
  return isStripped && (process.features as { typescript?: unknown }).typescript !== false
    ? { subject, isFine: true, text: "Node runs files without decorators; tsx is not installed here", advice }
    : { subject, isFine: false, text: "tsx is not installed here", advice };
}

function decorators(): Finding {
  const subject = "decorators";
  const found = getTsconfig(process.cwd());
  if (found === null) return { subject, isFine: true, text: "standard ones; there is no tsconfig.json" };
  const { experimentalDecorators = false } = found.config.compilerOptions ?? {};
  return { subject, isFine: true, text: `${experimentalDecorators ? "legacy" : "standard"} ones, by ${found.path}` };
}

async function sqlite(): Promise<Finding> {
  const subject = "SQLite";
  const store = sqliteStore(":memory:");
  try {
    await store.listRuns({ limit: 1 });
    const isBuiltIn = process.getBuiltinModule("node:sqlite") as unknown;
    return { subject, isFine: true, text: isBuiltIn === undefined ? "libsql" : "built into Node" };
  } catch (error) {
    return { subject, isFine: false, text: messageOf(error) };
  } finally {
    await store.close();
  }
}

function postgres(): Finding {
  const subject = "Postgres";
  try {
    createRequire(join(process.cwd(), "_")).resolve("pg");
    return { subject, isFine: true, text: "the package pg is installed" };
  } catch {
    return { subject, isFine: true, text: "not used: the package pg is not installed here" };
  }
}

/** Runs a node on a worker thread. It has to be in a file of its own, which the thread imports. */
async function threads(): Promise<Finding> {
  const subject = "threads";
  const folder = mkdtempSync(join(tmpdir(), "dagwright-doctor-"));
  try {
    const file = join(folder, "doctor.mjs");
    const library = new URL(import.meta.url.endsWith(".ts") ? "../../index.ts" : "./index.mjs", import.meta.url);
    writeFileSync(
      file,
      `import { isMainThread } from "node:worker_threads";
import { Dag } from ${JSON.stringify(library.href)};
export const dag = new Dag("doctor");
dag.node("where", () => isMainThread);
`,
    );
    const { dag } = (await import(pathToFileURL(file).href)) as { dag: Dag };
    await dag.run({ mode: "parallel", parallel: { strict: true } });
    return { subject, isFine: true, text: "a node ran on a worker thread" };
  } catch (error) {
    return { subject, isFine: false, text: messageOf(error), advice: "Nodes run on the main thread instead." };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
