import { LazyAbort } from "../../base/abort.js";
import { messageOf } from "../../base/message.js";
import { setImmediate } from "../../base/event-loop.js";
import { classAddress, isOriginalMethod } from "../../definition/origin/class-registry.js";
import { workflowNames } from "../../definition/origin/name-registry.js";
import { paramCount } from "../../definition/specs/named-inputs.js";
import type { NodeSpec } from "../../definition/specs/node-spec.js";
import type { Origin } from "../../definition/origin/origin.js";
import type { Place } from "../../run/place.js";
import { THREAD } from "../wanted-places.js";
import { StartError } from "./thread-errors.js";
import type { ThreadPool } from "./thread-pool.js";
import type { Address, ProbeAnswer, ProbeTask } from "./thread-protocol.js";

/** How long a worker may take to import a module, in ms. */
export const IMPORT_TIMEOUT = 20_000;

const TIMED_OUT = `a worker could not import its module: it took more than ${IMPORT_TIMEOUT / 1000} s`;
/** The modules that no worker could import in time. */
const timedOut = new Set<string>();

/** Where the nodes of a plan run. */
export interface Placement {
  /** By node. */
  readonly places: readonly Place[];
  /** Where workers find the nodes; undefined when all run inline. */
  readonly address: Address | undefined;
}

/** A dag whose nodes are placed. */
export interface Placeable {
  readonly name: string;
  readonly origin: Origin;
  readonly instance: NodeInstance | undefined;
}

/** The instance whose methods are the nodes. */
export interface NodeInstance {
  readonly object: object;
  /** Whether the user created it. */
  readonly isGiven: boolean;
  /** Its nodes when the dag was created from it. */
  readonly specs: readonly NodeSpec[];
}

const REPLACED =
  "its method was replaced in this process, which workers don't see " +
  "(they find what other decorators put in its place if the class has @workflow)";
const REPLACED_FUNCTION = "its function was replaced in this process, which workers don't see";
const ADDED = "it was added to the workflow of a class, where workers find methods only";

/** The task that asks a worker which nodes it finds, or why it can't find any. */
export function probeFor(dag: Placeable, specs: readonly NodeSpec[]): ProbeTask | string {
  const address = addressOf(dag);
  if (typeof address === "string") return address;
  if (timedOut.has(address[0])) return TIMED_OUT;
  const nodes = specs.map(({ name, signature, method }) => ({ name, params: paramCount(signature), method }));
  return { op: "probe", address, nodes, constructs: dag.instance?.isGiven === false };
}

/** A worker's answer, with a reason for the methods that were replaced in this process. */
export function withoutReplaced({ instance }: Placeable, specs: readonly NodeSpec[], answer: ProbeAnswer): ProbeAnswer {
  const replaced = answer.map((reason, i) => (specs[i].isReplaced === true ? REPLACED_FUNCTION : reason));
  if (instance === undefined) return replaced;
  const { object, isGiven } = instance;
  const functions = new Map(instance.specs.map(({ name, fn }) => [name, fn]));
  return replaced.map((reason, i) => {
    const { method, name, fn, isReplaced } = specs[i];
    if (isReplaced === true) return reason;
    if (method === undefined) return ADDED;
    if (reason !== undefined) return reason;
    // In workers, the constructor creates these methods too.
    const isOwn = !isGiven && Object.hasOwn(object, method);
    return (isOwn ? functions.get(name) === fn : isOriginalMethod(object, method, specs[i])) ? undefined : REPLACED;
  });
}

/** The places after a worker's answer: nodes that it does not find run inline, with the reason. */
export function placementAfter(
  wanted: readonly Place[],
  probe: ProbeTask | string,
  answer: ProbeAnswer | string,
): Placement {
  const places = wanted.map((place, i): Place => {
    if (place.backend !== "thread") return place;
    const reason = typeof answer === "string" ? answer : answer[i];
    return reason === undefined ? THREAD : { backend: "inline", reason };
  });
  const isUsed = typeof probe !== "string" && places.some(({ backend }) => backend === "thread");
  return { places, address: isUsed ? probe.address : undefined };
}

/** Asks a worker of the pool which nodes it finds. Aborts with the run. */
export async function probeWorker(pool: ThreadPool, probe: ProbeTask, run: LazyAbort): Promise<ProbeAnswer | string> {
  const abort = new LazyAbort();
  let timer: NodeJS.Timeout | undefined;
  let hasTimedOut = false;
  const giveUp = () => abort.abort(undefined);
  const timeOut = () => {
    hasTimedOut = !abort.aborted;
    giveUp();
  };
  // The timeout counts from the start of the import, not while the task waits for a thread. An answer that has
  // arrived but has not been read is in time.
  const onStart = () => (timer ??= setTimeout(() => setImmediate(timeOut), IMPORT_TIMEOUT));
  run.once("abort", giveUp);
  try {
    return (await pool.execute(probe, [], abort, onStart)) as ProbeAnswer;
  } catch (error) {
    return hasTimedOut ? importTimedOut(probe) : importFailed(error);
  } finally {
    clearTimeout(timer);
    run.removeListener();
  }
}

/** The reason for running inline when no worker answered. */
export function importFailed(error: unknown): string {
  return error instanceof StartError ? error.message : `a worker could not import its module: ${messageOf(error)}`;
}

/**
 * The reason for running inline when a worker did not answer in time. Unlike other failures, this one is remembered:
 * the module is not tried again.
 */
export function importTimedOut({ address: [module] }: ProbeTask): string {
  timedOut.add(module);
  return TIMED_OUT;
}

function addressOf({ name, origin, instance }: Placeable): Address | string {
  if (instance !== undefined) {
    const address = classAddress(instance.object, origin);
    return typeof address === "string" ? address : [...address, true];
  }
  const { module } = origin;
  if (module === undefined) return "the module that defines it is not a file; name it with { module: import.meta.url }";
  if (!workflowNames.isOnly(name, origin)) return `its module defines several workflows named "${name}"`;
  return [module, name];
}
