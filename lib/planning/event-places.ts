import { show } from "../base/check.js";
import { ValidationError } from "../base/errors.js";
import { suggestion } from "../base/nearest.js";
import type { StandardSchema } from "../base/standard-schema.js";
import type { DeclaredEvents } from "../definition/specs/event-schemas.js";
import type { WorkflowKind } from "../definition/defined.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";

/** A workflow, as senders of events see it. */
export interface EventWorkflow {
  readonly kind: WorkflowKind;
  readonly name: string;
  readonly members: ReadonlyMap<string, unknown>;
  /** The events that an fsm declares; undefined if its states decide that as they run. */
  readonly declaredEvents?: DeclaredEvents | undefined;
}

/** Where an event goes. */
export interface EventPlace {
  /** The keys of the runs inside that lead to the one whose nodes wait for it. */
  readonly way: readonly string[];
  /** Its name there. */
  readonly event: string;
  /** The nodes that wait for it there; undefined in an fsm, whose states decide that as they run. */
  readonly nodes: readonly string[] | undefined;
  readonly schema: StandardSchema<any, any> | undefined;
  /** Whether it may as well be for a run that a state of an fsm has begun itself. */
  readonly isGuess?: boolean;
}

/** How many names a message lists. */
const MAX_NAMES = 20;

/**
 * Finds the nodes that wait for an event: of the workflow itself, or inside of it for `check.PAID` and `check[3].PAID`.
 * The events of an fsm that declares none are not known before its states wait, nor are those of runs that nodes begin
 * with `ctx.run`. Cost: O(nodes).
 * @throws {ValidationError} VALIDATION listing the events that there are
 */
export function placeOfEvent(workflow: EventWorkflow, event: string): EventPlace {
  const place = findPlace(workflow, event);
  if (place !== undefined) return place;
  const known = Array.from(eventsOf(workflow, []));
  const list = known.slice(0, MAX_NAMES).map(show).join(", ");
  const hint = suggestion(event, known) || (known.length === 0 ? " It waits for none." : ` It waits for: ${list}.`);
  const word = workflow.kind === "dag" ? "node" : "state";
  throw new ValidationError(`No ${word} of ${show(workflow.name)} waits for the event ${show(event)}.${hint}`);
}

/** As {@link placeOfEvent}; undefined if there are none. */
export function findPlace(workflow: EventWorkflow, event: string): EventPlace | undefined {
  if (workflow.kind === "fsm") return findInStates(workflow, event);
  const specs = Array.from(specsOf(workflow)).filter((spec) => spec.event?.name === event);
  const nodes = specs.map(({ name }) => name);
  if (nodes.length > 0) return { way: [], event, nodes, schema: specs[0].event?.schema };
  for (let dot = event.indexOf("."); dot > 0; dot = event.indexOf(".", dot + 1)) {
    const key = event.slice(0, dot);
    const inner = insideOf(workflow, key);
    const place = inner && findPlace(inner, event.slice(dot + 1));
    if (place !== undefined) return { ...place, way: [key, ...place.way] };
  }
  return undefined;
}

/** An event that has the name of a state that is a workflow before it is for that one: `check.PAID`, `check.2.PAID`. */
function findInStates({ members, declaredEvents }: EventWorkflow, event: string): EventPlace | undefined {
  const declared = declaredEvents?.get(event);
  if (declared !== undefined) return { way: [], event, nodes: undefined, schema: declared.schema };
  for (let dot = event.indexOf("."); dot > 0; dot = event.indexOf(".", dot + 1)) {
    const state = event.slice(0, dot);
    const inner = (members.get(state) as NodeSpec | undefined)?.subworkflow?.workflow;
    if (inner === undefined) continue;
    const [, cycle = "", rest] = /^(\.\d+)?\.(.*)$/su.exec(event.slice(dot)) as string[];
    const place = findPlace(inner, rest);
    return place && { ...place, way: [state + cycle, ...place.way] };
  }
  if (declaredEvents !== undefined) return undefined;
  return { way: [], event, nodes: undefined, schema: undefined, isGuess: event.includes(".") };
}

/** Whether these keys lead to a workflow that is defined inside of this one, and not to a run that a node begins itself. */
export function leadsInside(workflow: EventWorkflow, way: readonly string[]): boolean {
  let inner: EventWorkflow | undefined = workflow;
  for (const key of way) {
    inner = insideOf(inner, inner.kind === "fsm" ? key.replace(/\.\d+$/u, "") : key);
    if (inner === undefined) return false;
  }
  return true;
}

/** The workflow in a node, or in a map for an item: `check`, or `check[3]`. */
function insideOf({ members }: EventWorkflow, key: string): EventWorkflow | undefined {
  const spec = (members.get(key) ?? members.get(key.slice(0, key.indexOf("[")))) as NodeSpec | undefined;
  const isItem = !members.has(key);
  if (spec?.subworkflow === undefined || (isItem && (spec.map === undefined || !key.endsWith("]")))) return undefined;
  return spec.subworkflow.workflow;
}

function* specsOf({ members }: EventWorkflow): Generator<NodeSpec> {
  for (const spec of members.values()) yield spec as NodeSpec;
}

/** The events of a workflow and of those inside, as {@link placeOfEvent} takes them, without those that fsms do not declare. */
function* eventsOf(workflow: EventWorkflow, above: readonly EventWorkflow[]): Generator<string> {
  if (above.includes(workflow)) return;
  const own = new Set<string>(workflow.declaredEvents?.keys());
  for (const { event } of specsOf(workflow)) if (event !== undefined) own.add(event.name);
  yield* own;
  for (const { name, subworkflow, map } of specsOf(workflow)) {
    if (subworkflow === undefined) continue;
    const key = map === undefined ? name : `${name}[…]`;
    for (const inner of eventsOf(subworkflow.workflow, [...above, workflow])) yield `${key}.${inner}`;
  }
}
