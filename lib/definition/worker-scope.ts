import type { DagDefinition } from "./dag-definition.js";
import type { Class } from "./node-options.js";
import type { Origin } from "./origin.js";

/**
 * What the modules that a worker imports tell it about. It is global, since the module's copy of this library need not be
 * the worker's.
 */
export interface WorkerScope {
  /** Whether the calling code is part of a node that the worker executes, and not of a module's body. */
  isInNode(): boolean;
  defined(dag: DagDefinition, origin: Origin): void;
  decorated(target: Class, name: string, origin: Origin): void;
  /** A module's body runs a workflow: its definition is complete. Gives what never settles. */
  ran(workflow: object): Promise<never>;
}

const KEY = Symbol.for("dagwright:worker");

/** The worker this code is in; undefined on other threads. */
export function workerScope(): WorkerScope | undefined {
  return (globalThis as { [KEY]?: WorkerScope })[KEY];
}

/**
 * What a run gives instead of running, in the body of a module that a worker imports: it never settles. Elsewhere undefined.
 */
export function neverInWorker(workflow: object): Promise<never> | undefined {
  return isModuleBody() ? workerScope()?.ran(workflow) : undefined;
}

/** Whether the calling code is the body of a module that a worker imports, and not part of a node. */
export function isModuleBody(): boolean {
  const scope = workerScope();
  return scope !== undefined && !scope.isInNode();
}

/** Makes this thread a worker. */
export function enterWorker(scope: WorkerScope): void {
  (globalThis as { [KEY]?: WorkerScope })[KEY] = scope;
}
