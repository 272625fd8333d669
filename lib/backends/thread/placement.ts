import { LazyAbort } from "../../base/abort.js";
import { messageOf } from "../../base/message.js";
import { setImmediate } from "../../base/event-loop.js";
import { classAddress, isOriginalMethod } from "../../definition/origin/class-registry.js";
import { workflowNames } from "../../definition/origin/name-registry.js";
import { paramCount } from "../../definition/specs/named-inputs.js";
import type { NodeSpec } from "../../definition/specs/node-spec.js";
import type { Origin } from "../../definition/origin/origin.js";
import { INLINE, type Place } from "../../run/place.js";
import { StartFault } from "./thread-faults.js";
import type { ThreadPool } from "./thread-pool.js";
import type { Address, ProbeAnswer, ProbeTask } from "./thread-protocol.js";

/** How long a worker may take to import a module, in ms. */
export const IMPORT_TIMEOUT = 20_000;

const LATE = `a worker could not import its module: it took more than ${IMPORT_TIMEOUT / 1000} s`;
/** The modules that no worker could import in time. */
const late = new Set<string>();

/** The places of a plan's nodes, by index. */
export interface Placement {
  readonly places: readonly Place[];
  /** Where workers find the nodes; undefined when none runs in one. */
  readonly address: Address | undefined;
}

/** What decides on places. */
export interface Placeable {
  readonly name: string;
  readonly origin: Origin;
  readonly instance: NodeInstance | undefined;
}

/** The instance whose methods the nodes are. */
export interface NodeInstance {
  readonly object: object;
  /** Whether the user made it. */
  readonly isGiven: boolean;
  /** Its nodes as they were when the dag was made of them. */
  readonly specs: readonly NodeSpec[];
}

const THREAD: Place = Object.freeze({ backend: "thread", reason: undefined });
const FORK: Place = Object.freeze({
  backend: "inline",
  reason: "conditions and selects run inline unless they say otherwise",
});

const REPLACED =
  "its method was replaced in this process, which workers don't see; " +
  "what other decorators put in its place they find if the class has @workflow";
const ADDED = "it was added to the workflow of a class, of which workers find the methods alone";

/** Where nodes should run, before it is known whether they can. */
export function wantedPlaces(specs: readonly NodeSpec[], mode: string): Place[] {
  return specs.map(({ kind, options: { backend } }) => {
    if (backend !== undefined) return backend === "thread" ? THREAD : INLINE;
    if (mode !== "parallel") return INLINE;
    return kind === "condition" || kind === "select" ? FORK : THREAD;
  });
}

/** The question whether workers find the nodes; a reason when it is known that they don't. */
export function probeFor(dag: Placeable, specs: readonly NodeSpec[]): ProbeTask | string {
  const address = addressOf(dag);
  if (typeof address === "string") return address;
  if (late.has(address[0])) return LATE;
  const nodes = specs.map(({ name, signature, method }) => ({ name, params: paramCount(signature), method }));
  return { op: "probe", address, nodes, constructs: dag.instance?.isGiven === false };
}

/** A worker's answer, without the nodes of whose functions this process has put others into their methods' places. */
export function withoutReplaced({ instance }: Placeable, specs: readonly NodeSpec[], answer: ProbeAnswer): ProbeAnswer {
  if (instance === undefined) return answer;
  const { object, isGiven } = instance;
  const functions = new Map(instance.specs.map(({ name, fn }) => [name, fn]));
  return answer.map((reason, i) => {
    const { method, name, fn } = specs[i];
    if (method === undefined) return ADDED;
    if (reason !== undefined) return reason;
    // What its constructor put there, a worker's puts there too.
    const isOwn = !isGiven && Object.hasOwn(object, method);
    return (isOwn ? functions.get(name) === fn : isOriginalMethod(object, method, specs[i])) ? undefined : REPLACED;
  });
}

/** The places after a worker's answer: what it can't find runs inline, and says why. */
export function settle(wanted: readonly Place[], probe: ProbeTask | string, answer: ProbeAnswer | string): Placement {
  const places = wanted.map((place, i): Place => {
    if (place.backend !== "thread") return place;
    const reason = typeof answer === "string" ? answer : answer[i];
    return reason === undefined ? THREAD : { backend: "inline", reason };
  });
  const isUsed = typeof probe !== "string" && places.some(({ backend }) => backend === "thread");
  return { places, address: isUsed ? probe.address : undefined };
}

/** Asks a worker of the pool; gives up when the run that wants to know has ended. */
export async function askWorker(pool: ThreadPool, probe: ProbeTask, run: LazyAbort): Promise<ProbeAnswer | string> {
  const abort = new LazyAbort();
  let timer: NodeJS.Timeout | undefined;
  let isLate = false;
  const giveUp = () => abort.abort(undefined);
  const late = () => {
    isLate = !abort.aborted;
    giveUp();
  };
  // The time counts from the worker's word that it begins: nobody is late who waits for a thread. Nor is a worker whose
  // answer is there by now, but was not read yet.
  const began = () => (timer ??= setTimeout(() => setImmediate(late), IMPORT_TIMEOUT));
  run.once("abort", giveUp);
  try {
    return (await pool.execute(probe, [], abort, began)) as ProbeAnswer;
  } catch (error) {
    return isLate ? lateImport(probe) : failedImport(error);
  } finally {
    clearTimeout(timer);
    run.removeListener();
  }
}

/** The reason for running inline when a worker could not even answer. */
export function failedImport(error: unknown): string {
  return error instanceof StartFault ? error.message : `a worker could not import its module: ${messageOf(error)}`;
}

/** The reason when a worker did not answer in time. Unlike other failures that is a fact: nobody waits for it twice. */
export function lateImport({ address: [module] }: ProbeTask): string {
  late.add(module);
  return LATE;
}

function addressOf({ name, origin, instance }: Placeable): Address | string {
  if (instance !== undefined) {
    const address = classAddress(instance.object, origin);
    return typeof address === "string" ? address : [...address, true];
  }
  const { module } = origin;
  if (module === undefined) return "the module that defines it is no file; give it as { module: import.meta.url }";
  if (!workflowNames.isOnly(name, origin)) return `several workflows named "${name}" were defined by its module`;
  return [module, name];
}
