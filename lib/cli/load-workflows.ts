/** Imports a user's file, and finds the workflows in it. */
import { existsSync, realpathSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { getTsconfig } from "get-tsconfig";
import { show } from "../base/check.js";
import { messageOf } from "../base/message.js";
import { suggestion } from "../base/nearest.js";
import { isTypeScript, registerTypeScript } from "../base/typescript.js";
import { decoratedMethods } from "../definition/standing-methods.js";
import { isChildWorkflow, resolveWorkflow } from "../definition/subworkflow.js";
import type { Dag, Fsm } from "../index.js";
import { brief } from "../observers/text.js";
import { Failure, UsageError } from "./exit.js";
import { listenTo, type Listener } from "./module-scope.js";
import { complain } from "./output.js";
import { stackOf } from "./stack.js";

/** A workflow of either kind. */
export type AnyWorkflow = Dag<any, any, any> | Fsm<any, any, any>;

/** How long a file may take to be imported, in ms. */
const MOST_TIME = 60_000;
/** How long it may continue, in ms, after it starts to await a run, which never settles. */
const GRACE = 50;

/** What happens while a file is imported. */
interface Found {
  /** Dags that the file defines. */
  readonly defined: AnyWorkflow[];
  /** Workflows that its top level runs. */
  readonly ran: AnyWorkflow[];
}

/**
 * The workflow of a file that is meant: its only one, or that of a name.
 * @param file - a path or a `file:` URL
 * @throws {UsageError} when there is no such file or workflow, or several; {Failure} when the file can't be imported
 */
export async function loadWorkflow(file: string, name?: string): Promise<AnyWorkflow> {
  const workflows = await loadWorkflows(file);
  const names = workflows.map((workflow) => workflow.name);
  const list = names.map((each) => brief(each, 80)).join(", ");
  if (name === undefined) {
    if (workflows.length === 1) return workflows[0];
    throw new UsageError(`${shortName(file)} has ${workflows.length} workflows: ${list}. Choose one with --workflow.`);
  }
  const found = workflows.filter((workflow) => workflow.name === name);
  if (found.length === 1) return found[0];
  if (found.length > 1) throw new UsageError(`${shortName(file)} has ${found.length} workflows named ${show(name)}.`);
  throw new UsageError(
    `${shortName(file)} has no workflow ${show(name)}.${suggestion(name, names) || ` It has: ${list}.`}`,
  );
}

/** All workflows of a file: those that it exports; if there are none, those that it runs, or defines. Throws as above. */
export async function loadWorkflows(file: string): Promise<AnyWorkflow[]> {
  const path = pathOf(file);
  const { exported, found } = await importOnce(path, file);
  const [workflows = []] = [exportedWorkflows(exported), found.ran, found.defined].filter((each) => each.length > 0);
  if (workflows.length > 0) return workflows;
  throw new UsageError(
    `${shortName(file)} has no workflow. Export one: a class with nodes or states, Dag.from(Class), or new Dag(…).`,
  );
}

/** @throws {UsageError} unless it is the path or URL of a file */
function pathOf(file: string): string {
  let path: string;
  try {
    path = resolve(file.startsWith("file:") ? fileURLToPath(file) : file);
  } catch (error) {
    throw new UsageError(`${show(file)} is no path: ${messageOf(error)}`);
  }
  if (!existsSync(path)) throw new UsageError(`There is no file ${show(file)}.`);
  if (!statSync(path).isFile()) throw new UsageError(`${show(file)} is not a file.`);
  return realpathSync(path);
}

async function importOnce(path: string, file: string): Promise<{ exported: unknown; found: Found }> {
  const { href } = pathToFileURL(path);
  const hasTsx = isTypeScript(path) && (await registerFor(path));
  const found: Found = { defined: [], ran: [] };
  const imported = new Promise<unknown>((resolve, reject) => {
    const listener = listenerFor(href, file, found, () => resolve(undefined));
    listenTo(listener, () => import(href) as Promise<unknown>).then(resolve, reject);
  });
  try {
    return { exported: await withinTime(file, imported), found };
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(`${shortName(file)} can't be imported: ${reasonOf(error, path, hasTsx)}`, { cause: error });
  }
}

/** Registers tsx with the nearest `tsconfig.json`, also in worker threads, which inherit the variable. */
function registerFor(path: string): Promise<boolean> {
  const config = getTsconfig(path);
  if (config !== null) process.env["TSX_TSCONFIG_PATH"] ??= config.path;
  return registerTypeScript(path);
}

/** @param onStuck - called when the module awaits a run, which never settles here */
function listenerFor(module: string, file: string, found: Found, onStuck: () => void): Listener {
  return {
    defined(dag, origin) {
      if (origin.module === module) found.defined.push(dag as object as AnyWorkflow);
    },
    ran(started) {
      const workflow = started as AnyWorkflow;
      if (!found.ran.includes(workflow)) {
        found.ran.push(workflow);
        complain(`${shortName(file)} runs ${show(workflow.name)} itself. That run is left out.`);
      }
      return neverSettles(() => setTimeout(onStuck, GRACE));
    },
  };
}

/** A promise that never settles. @param onAwaited - called when it is awaited */
function neverSettles(onAwaited: () => void): Promise<never> {
  const pending = {
    then() {
      onAwaited();
      return neverSettles(onAwaited);
    },
    catch: () => neverSettles(onAwaited),
    finally: () => neverSettles(onAwaited),
    [Symbol.toStringTag]: "Promise",
  };
  return pending;
}

/** @throws {Failure} when an import takes too long, or waits for nothing that could come */
async function withinTime<T>(file: string, importing: Promise<T>): Promise<T> {
  let fail: (error: Failure) => void = () => {};
  const failed = new Promise<never>((_, reject) => (fail = reject));
  const idle = () => fail(new Failure(`${shortName(file)} never ends being imported: it awaits what never comes.`));
  // Keeps nothing alive: when it is all that is left, "beforeExit" says so.
  const timer = setTimeout(
    () => fail(new Failure(`${shortName(file)} is not imported after ${MOST_TIME / 1000} s. What does it wait for?`)),
    MOST_TIME,
  ).unref();
  process.once("beforeExit", idle);
  try {
    return await Promise.race([importing, failed]);
  } finally {
    clearTimeout(timer);
    process.off("beforeExit", idle);
  }
}

/** Why an import failed, on one line, with the place in the file. */
function reasonOf(error: unknown, path: string, hasTsx: boolean): string {
  if (isTypeScript(path) && !hasTsx && !runsWithoutTsx(error)) {
    return `Node ${process.versions.node} does not run this TypeScript by itself. Run "npm install --save-dev tsx".`;
  }
  const message = messageOf(error).split("\n").slice(0, 2).join(" ");
  const place = error instanceof Error ? stackOf(error).find((line) => line.path === path) : undefined;
  return `${brief(message)}${place?.position === undefined ? "" : ` (line ${place.position})`}`;
}

/** Whether a failure has nothing to do with TypeScript. Node strips types, but knows no decorators. */
function runsWithoutTsx(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return !(error instanceof SyntaxError) && !/^ERR_(?:UNKNOWN_FILE_EXTENSION|UNSUPPORTED_)/u.test(code ?? "");
}

/** Workflows, and classes that are one, each once. A class of which there is a workflow counts as that one. */
function exportedWorkflows(exported: unknown): AnyWorkflow[] {
  const values = valuesOf(exported);
  const workflows = unique(values.filter(isChildWorkflow)) as object[] as AnyWorkflow[];
  const names = new Set(workflows.map(({ name }) => name));
  const ofClasses = values.filter(isAnnotated).map((source) => resolveWorkflow(source) as object as AnyWorkflow);
  return [...workflows, ...unique(ofClasses).filter(({ name }) => !names.has(name))];
}

/** The exports of a module, also those of a CommonJS module. */
function valuesOf(exported: unknown): unknown[] {
  if (typeof exported !== "object" || exported === null) return [];
  const values = Object.values(exported);
  const { default: main } = exported as { default?: unknown };
  const isRecord = typeof main === "object" && main !== null && Object.getPrototypeOf(main) === Object.prototype;
  return unique(isRecord ? [...values, ...Object.values(main)] : values);
}

/** Whether a value is a class with nodes or states, or an instance of one. No instance is made. */
function isAnnotated(value: unknown): value is object {
  if (isChildWorkflow(value)) return false;
  if (typeof value === "object" && value !== null) return decoratedMethods(value).length > 0;
  if (typeof value !== "function") return false;
  const prototype = value.prototype as object | undefined;
  return prototype !== undefined && decoratedMethods(Object.create(prototype) as object).length > 0;
}

function unique<T>(items: readonly T[]): T[] {
  return Array.from(new Set(items));
}

function shortName(file: string): string {
  return brief(file, 200);
}
