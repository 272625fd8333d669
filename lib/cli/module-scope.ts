import { AsyncLocalStorage } from "node:async_hooks";
import { enterWorker, type WorkerScope } from "../definition/origin/worker-scope.js";

/** Notified of what users' modules do. */
export type Listener = Pick<WorkerScope, "defined" | "ran">;

/** The code of users' modules: what is called while one is imported, and later on. */
const modules = new AsyncLocalStorage<Listener>();

/**
 * Makes this process one in which modules define workflows, but run none. To be called before the library is loaded,
 * which looks for it once.
 */
export function enterModules(): void {
  enterWorker({
    isInNode: () => modules.getStore() === undefined,
    defined: (dag, origin) => modules.getStore()?.defined(dag, origin),
    classDefined() {},
    ran: (workflow) => modules.getStore()?.ran(workflow) ?? new Promise(() => {}),
  });
}

/** Calls `load`, and reports what the modules that it imports define and try to run. */
export function listenTo<T>(listener: Listener, load: () => T): T {
  return modules.run(listener, load);
}
