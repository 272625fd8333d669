/** In a worker: imports the modules that define workflows, and finds the workflows and classes that they define. */
import { messageOf } from "../../base/message.js";
import { isTypeScript, registerTypeScript } from "../../base/typescript.js";
import type { DefinedDag } from "../../definition/defined.js";
import type { Class } from "../../base/class-state.js";
import type { Origin } from "../../definition/origin/origin.js";
import { enterWorker } from "../../definition/origin/worker-scope.js";

/** How long a module may continue, in ms, after it starts to await a run, which never settles here. */
const GRACE = 50;

interface ModuleDag {
  readonly dag: DefinedDag;
  readonly origin: Origin;
  /** Whether its module ran it, and so adds nothing more to it. */
  isComplete: boolean;
}

interface DefinedClass {
  readonly target: Class;
  readonly name: string;
  readonly origin: Origin;
}

/** The import of a module. */
interface Loading {
  isOver: boolean;
  /** Whether the module awaits a run, which never settles here. */
  isStuck: boolean;
  problem: string | undefined;
}

const dags: ModuleDag[] = [];
const classes: DefinedClass[] = [];
const modules = new Map<string, Loading>();
let listeners: (() => void)[] = [];
let loaded: (module: string) => void;

function changed(): void {
  const current = listeners;
  listeners = [];
  for (const listener of current) listener();
}

const nextChange = () => new Promise<void>((resolve) => listeners.push(resolve));

/**
 * Starts to register the definitions of modules.
 * @param isInNode - whether the calling code is a node's
 * @param onLoaded - called when a module's body has been executed, or is stuck
 */
export function listen(isInNode: () => boolean, onLoaded: (module: string) => void): void {
  loaded = onLoaded;
  enterWorker({
    isInNode,
    defined(dag, origin) {
      if (!isInNode()) dags.push({ dag, origin, isComplete: false });
      changed();
    },
    classDefined(target, name, origin) {
      if (!isInNode()) classes.push({ target, name, origin });
      changed();
    },
    ran(workflow) {
      for (const entry of dags) if (entry.dag === workflow) entry.isComplete = true;
      changed();
      return neverSettles();
    },
  });
}

/** A promise that never settles: a module that awaits it is stuck. */
function neverSettles(): Promise<never> {
  const pending = {
    then() {
      const waiting = Array.from(modules).filter(([, { isOver, isStuck }]) => !isOver && !isStuck);
      setTimeout(() => {
        for (const [module, loading] of waiting) {
          loading.isStuck = !loading.isOver;
          if (loading.isStuck) loaded(module);
        }
        changed();
      }, GRACE);
      return neverSettles();
    },
    catch: () => neverSettles(),
    finally: () => neverSettles(),
    [Symbol.toStringTag]: "Promise",
  };
  return pending;
}

/** The dag of this name that a module defines, or why it is not found. */
export async function findDag(module: string, name: string): Promise<DefinedDag | string> {
  const entries = await search(module, () =>
    dags.filter((entry) => entry.dag.name === name && entry.origin.module === module),
  );
  if (typeof entries === "string") return entries;
  while (!entries.every(({ isComplete }) => isComplete) && !isDone(module)) await nextChange();
  return entries.length === 1 ? entries[0].dag : `its module defines several workflows named "${name}"`;
}

/** The class of this name that a module decorates with `@workflow` or makes a workflow, or why it is not found. */
export async function findClass(module: string, name: string): Promise<Class | string> {
  const targets = await search(module, () => {
    const entries = classes.filter((entry) => entry.name === name && entry.origin.module === module);
    return Array.from(new Set(entries.map(({ target }) => target)));
  });
  if (typeof targets === "string")
    return `${targets}; workers look for a class in the module that decorates it with @workflow, else in the one that made this workflow of it`;
  return targets.length === 1 ? targets[0] : `its module defines several classes for workflows "${name}"`;
}

function isDone(module: string): boolean {
  const loading = modules.get(module);
  return loading === undefined || loading.isOver || loading.isStuck;
}

async function search<T>(module: string, find: () => T[]): Promise<T[] | string> {
  load(module);
  for (;;) {
    const found = find();
    if (found.length > 0) return found;
    const { isOver, isStuck, problem } = modules.get(module) as Loading;
    if (problem !== undefined) return `a worker can't import its module: ${problem}`;
    if (isOver)
      return "its module, when imported, does not define it (is it defined in a function that is not called?)";
    if (isStuck) return "its module defines it after the first run that it awaits";
    await nextChange();
  }
}

function load(module: string): void {
  if (modules.has(module)) return;
  const loading: Loading = { isOver: false, isStuck: false, problem: undefined };
  modules.set(module, loading);
  const finish = (problem?: string) => {
    loading.isOver = true;
    loading.problem = problem;
    loaded(module);
    changed();
  };
  importModule(module).then(
    () => finish(),
    (error: unknown) => finish(messageOf(error)),
  );
}

async function importModule(module: string): Promise<void> {
  if (isTypeScript(module)) await registerTypeScript(module);
  await import(module);
}
