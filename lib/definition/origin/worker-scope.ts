import type { DefinedDag } from "../defined.js";
import type { Class } from "../specs/node-options.js";
import type { Origin } from "./origin.js";

/**
 * What the modules that a worker imports tell it about. It is global, since the module's copy of this library need not be
 * the worker's.
 */
export interface WorkerScope {
  /** Whether the calling code is part of a node that the worker executes, and not of a module's body. */
  isInNode(): boolean;
  defined(dag: DefinedDag, origin: Origin): void;
  /** A class was decorated with `@workflow`, or a workflow made of it. */
  classDefined(target: Class, name: string, origin: Origin): void;
  /** A module's body runs a workflow: its definition is complete. Gives what never settles. */
  ran(workflow: object): Promise<never>;
}

const KEY = Symbol.for("dagwright:worker");

/** Read once: a thread becomes a worker before it imports any module. */
let scope = (globalThis as { [KEY]?: WorkerScope })[KEY];

/** The worker this code is in; undefined on other threads. */
export function workerScope(): WorkerScope | undefined {
  return scope;
}

/**
 * What a run gives instead of running, in the body of a module that a worker imports: it never settles. Elsewhere undefined.
 */
export function neverInWorker(workflow: object): Promise<never> | undefined {
  return scope === undefined || scope.isInNode() ? undefined : scope.ran(workflow);
}

/** Whether the calling code is the body of a module that a worker imports, and not part of a node. */
export function isModuleBody(): boolean {
  return scope !== undefined && !scope.isInNode();
}

/** Makes this thread a worker, for all copies of this library. */
export function enterWorker(worker: WorkerScope): void {
  scope = worker;
  (globalThis as { [KEY]?: WorkerScope })[KEY] = worker;
}
