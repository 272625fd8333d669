import type { DefinedDag } from "../defined.js";
import type { Class } from "../../base/class-state.js";
import type { Origin } from "./origin.js";

/**
 * Receives the definitions of the modules that a worker imports. It is global, since a module may use another copy of
 * this library than the worker.
 */
export interface WorkerScope {
  /** Whether the calling code is part of a node that the worker executes, as opposed to a module's top level. */
  isInNode(): boolean;
  /** Called when a dag is defined. */
  defined(dag: DefinedDag, origin: Origin): void;
  /** Called when a class is decorated with `@workflow`, or a workflow is made from it. */
  classDefined(target: Class, name: string, origin: Origin): void;
  /**
   * Called when a module's top level runs a workflow, whose definition is therefore complete. Returns a promise that
   * never settles.
   */
  ran(workflow: object): Promise<never>;
}

const KEY = Symbol.for("dagwright:worker");

/** Read once, since a thread becomes a worker before it imports any module. */
let scope = (globalThis as { [KEY]?: WorkerScope })[KEY];

/** The scope of the worker that runs this code; undefined outside of workers. */
export function workerScope(): WorkerScope | undefined {
  return scope;
}

/** A promise that never settles, for runs at the top level of a module that a worker imports; elsewhere undefined. */
export function neverInWorker(workflow: object): Promise<never> | undefined {
  return scope === undefined || scope.isInNode() ? undefined : scope.ran(workflow);
}

/** Whether the calling code is the top level of a module that a worker imports, as opposed to part of a node. */
export function isModuleBody(): boolean {
  return scope !== undefined && !scope.isInNode();
}

/** Makes this thread a worker, for all copies of this library in it. */
export function enterWorker(worker: WorkerScope): void {
  scope = worker;
  (globalThis as { [KEY]?: WorkerScope })[KEY] = worker;
}
