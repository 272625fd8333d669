import { show } from "../base/check.js";
import type { DefinitionJson } from "../definition/data/document.js";
import {
  backendData,
  needJson,
  optionsJson,
  readNeed,
  readNeeds,
  readWork,
  workJson,
  type MemberJson,
  type NeedJson,
} from "../definition/data/members.js";
import type { Fields, Section } from "../definition/data/section.js";
import type { WorkflowWriter } from "../definition/data/workflow-writer.js";
import type { Backends } from "../definition/specs/backend.js";
import type { Connection, DefinedDag } from "../definition/defined.js";
import { coalesceSpec, whenSpec, type BranchSource } from "../definition/specs/choice-spec.js";
import { checkEventOptions, EVENT_SETTINGS } from "../definition/specs/event-spec.js";
import { checkMapOptions, MAP_SETTINGS } from "../definition/specs/map-options.js";
import { checkHooks, checkNodeOptions, NODE_OPTIONS, type NodeHooks } from "../definition/specs/node-options.js";
import {
  collects,
  eventSpec,
  givesPayload,
  isChoice,
  mapSpec,
  nodeSpec,
  reconfigured,
  workflowNodeSpec,
  type NodeFunction,
  type NodeKind,
  type NodeSpec,
} from "../definition/specs/node-spec.js";
import { isSubworkflow } from "../definition/specs/subworkflow-spec.js";
import { checkDagOptions } from "../definition/specs/workflow-options.js";
import { withCaseParams } from "../definition/switch.js";
import type { DagOptions } from "./options.js";

/** A dag as data, see {@link Dag.toJSON}. */
export interface DagJson extends DefinitionJson {
  readonly kind: "dag";
  /** In order of definition. */
  readonly nodes: readonly NodeJson[];
  /** What `connect` has added. */
  readonly connections?: readonly ConnectionJson[];
}

/** A node as data. */
export interface NodeJson extends MemberJson {
  readonly kind: Exclude<NodeKind, "state">;
  /** Of a `when`. */
  readonly if?: NeedJson;
  /** Of a `when`. */
  readonly then?: NeedJson;
  /** Of a `when`. */
  readonly else?: NeedJson;
  /** Of an event node without a function. */
  readonly result?: "payload";
}

/** A connection as data. */
export interface ConnectionJson {
  readonly from: string;
  /** A property of the result, or a branch. */
  readonly output?: string;
  readonly to: string;
  /** The position of the parameter that takes it; absent for one that takes it along with others. */
  readonly position?: number;
  /** The key in the record that the parameter takes. */
  readonly key?: string;
}

/** A dag that is written. */
interface Written extends DefinedDag {
  readonly options: DagOptions<any, any>;
  readonly defaultHooks: NodeHooks | undefined;
}

/** The parts of a dag that was read. */
export interface ReadDag {
  readonly name: string;
  readonly options: DagOptions<any, any>;
  readonly specs: readonly NodeSpec[];
  readonly connections: readonly { readonly to: string; readonly connection: Connection }[];
  readonly defaultHooks: NodeHooks | undefined;
}

/** The options of dags that are part of the data; `module` is not, since it is where the dag is made. */
const OPTIONS = ["description", "metadata", "errorStrategy", "inputs", "autowire", "wiring", "backends", "runOptions"];
/** The fields of dags. */
export const DAG_FIELDS: readonly string[] = [...OPTIONS, "hooks", "nodes", "connections"];

const NODE = ["kind", ...NODE_OPTIONS];
const CHOICE = NODE.filter((option) => !["needs", "params"].includes(option));
/** Of the kinds that have a function. */
const CALLING = [...NODE, "function"];
/** The fields of each kind of node. */
const NODE_FIELDS: ReadonlyMap<unknown, readonly string[]> = new Map([
  ["node", [...CALLING, "cases"]],
  ["condition", CALLING],
  ["select", CALLING],
  ["all", CALLING],
  ["any", CALLING],
  ["when", [...CHOICE, "if", "then", "else"]],
  ["coalesce", [...CHOICE, "needs"]],
  ["workflow", [...NODE, "subworkflow"]],
  ["map", [...CALLING, ...MAP_SETTINGS, "subworkflow", "cases"]],
  ["event", [...CALLING, ...EVENT_SETTINGS, "result"]],
]);
const PLAIN_OPTIONS = NODE_OPTIONS.filter((option) => !["name", "needs", "after"].includes(option));
/** The options of the kinds that have others. */
const OPTIONS_OF: ReadonlyMap<
  unknown,
  { readonly names: string[]; readonly check: (options: object, node: string) => void }
> = new Map([
  ["map", { names: [...PLAIN_OPTIONS, ...MAP_SETTINGS], check: checkMapOptions }],
  ["event", { names: [...PLAIN_OPTIONS, ...EVENT_SETTINGS], check: checkEventOptions }],
]);
const CONNECTION = ["from", "output", "to", "position", "key"];

/** Writes the fields of a dag. Cost: O(nodes + connections). */
export function dagJson(dag: Written, writer: WorkflowWriter): object {
  const connections = Array.from(dag.nodes.keys()).flatMap((to) =>
    dag.connectionsOf(to).map(({ node: from, output, input, key }) => ({
      from,
      output,
      to,
      position: input < 0 ? undefined : input,
      key,
    })),
  );
  return {
    ...writer.record({ ...dag.options, backends: backendsData(dag.options.backends), module: undefined }, ""),
    ...(dag.defaultHooks === undefined ? {} : { hooks: writer.value(dag.defaultHooks, "hooks") }),
    nodes: Array.from(dag.nodes.values(), (spec) => nodeJson(spec, dag.nodeHooks(spec.name), writer)),
    ...(connections.length === 0 ? {} : { connections: connections.map((each) => writer.record(each, "")) }),
  };
}

function backendsData(backends: Backends | undefined): object | undefined {
  if (backends === undefined) return undefined;
  return Object.fromEntries(Object.entries(backends).map(([name, entry]) => [name, backendData(entry)]));
}

function nodeJson(spec: NodeSpec, hooks: NodeHooks | undefined, writer: WorkflowWriter): object {
  const { name, kind, after, options } = spec;
  const hasNoFunction = isChoice(kind) || givesPayload(spec);
  // These are inline if nothing else was said.
  const isUsual = hasNoFunction && options.backend === "inline";
  const said = isUsual ? { ...spec, options: { ...options, backend: undefined } } : spec;
  return {
    name,
    kind,
    ...sourcesJson(spec),
    ...(after.length > 0 ? { after: after.map(needJson) } : {}),
    ...(givesPayload(spec) ? { result: "payload" } : workJson(spec, writer)),
    ...optionsJson(said, hooks, `nodes.${name}`, writer),
  };
}

function sourcesJson({ kind, needs }: NodeSpec): object {
  const written = needs.map(needJson);
  if (kind !== "when") return written.length > 0 ? { needs: written } : {};
  const [condition, then, otherwise] = written;
  return { if: condition, then, ...(otherwise === undefined ? {} : { else: otherwise }) };
}

/** Reads a dag. Reports what is unknown or invalid. */
export function readDag(section: Section): ReadDag {
  const { name, fields } = section;
  const options = section.optionsOf(fields, OPTIONS, "", (option) => checkDagOptions(option, `workflow "${name}"`));
  const { hooks } = section.optionsOf(fields, ["hooks"], "", ({ hooks }: any) => checkHooks(hooks, `"hooks"`));
  const entries = section.members("nodes", "node");
  const specs = entries.flatMap((entry) => readNode(entry, section) ?? []);
  const byName = new Map(specs.map((spec) => [spec.name, spec]));
  const names = new Set(entries.map((entry) => entry.name));
  const connections = section
    .entries("connections")
    .flatMap((entry) => readConnection(entry, { names, specs: byName }, section) ?? []);
  return { name, options, specs, connections, defaultHooks: hooks };
}

interface NodeEntry {
  readonly fields: Fields;
  readonly name: string;
  readonly path: string;
}

function readNode(entry: NodeEntry, section: Section): NodeSpec | undefined {
  const { fields, name, path } = entry;
  const { kind = "node" } = fields;
  const known = NODE_FIELDS.get(kind);
  if (known === undefined) {
    const kinds = Array.from(NODE_FIELDS.keys()).join(", ");
    const rule = `"${section.where(path)}.kind" must be one of ${kinds}`;
    section.report("UNKNOWN_KIND", `${rule}; received ${show(kind)}.`, name);
    return void readWork(entry, section);
  }
  section.checkFields(fields, known, path);
  const after = readNeeds(fields.after, name, `${path}.after`, section);
  const { names, check } = OPTIONS_OF.get(kind) ?? { names: PLAIN_OPTIONS, check: checkNodeOptions };
  const given = section.optionsOf(fields, names, `nodes.${name}`, (option) => check(option, name));
  const options = after === undefined ? given : { ...given, after };
  if (kind === "when") return readWhen(entry, options, section);
  const needs = readNeeds(fields.needs, name, `${path}.needs`, section);
  if (kind === "coalesce") {
    return section.attempt(() => reconfigured(coalesceSpec(name, (needs ?? []) as BranchSource[]), options));
  }
  return readWorking(entry, needs === undefined ? options : { ...options, needs }, section);
}

function readWhen({ fields, name }: NodeEntry, options: object, section: Section): NodeSpec | undefined {
  return section.attempt(() => {
    const [condition, then, otherwise] = ["if", "then", "else"].map((branch) =>
      fields[branch] === undefined ? undefined : (readNeed(fields[branch], name) as BranchSource),
    );
    return reconfigured(whenSpec("when", name, { if: condition!, then: then!, else: otherwise }), options);
  });
}

/** Reads a node with a function, cases or a workflow. */
function readWorking(entry: NodeEntry, options: object, section: Section): NodeSpec | undefined {
  const { fields, name, path } = entry;
  const kind = (fields.kind ?? "node") as NodeKind;
  if (kind === "workflow" && fields.subworkflow === undefined) {
    const message = `"${section.where(path)}.subworkflow" is missing. Give it the id of a workflow: { workflow: … }.`;
    return void section.report("INVALID_FIELD", message, name);
  }
  if (fields.result !== undefined && fields.result !== "payload") {
    const message = `"${section.where(path)}.result" must be "payload", or absent; received ${show(fields.result)}.`;
    return void section.report("INVALID_FIELD", message, name);
  }
  if (fields.result !== undefined) return section.attempt(() => eventSpec(name, undefined, options));
  if (fields.function !== undefined && fields.function !== "none") {
    const message = `"${section.where(path)}.function" must be "none", or absent; received ${show(fields.function)}.`;
    return void section.report("INVALID_FIELD", message, name);
  }
  if (fields.function !== undefined) return section.attempt(() => specOf(kind, name, undefined, options));
  const work = readWork(entry, section);
  if (work === undefined) return undefined;
  return section.attempt(() => {
    if (isSubworkflow(work))
      return kind === "map" ? mapSpec(name, work, options) : workflowNodeSpec(name, work, options);
    const hasOwnParams = fields.cases === undefined || fields.params !== undefined;
    const all = hasOwnParams ? options : withCaseParams(options);
    const spec = specOf(kind, name, work.fn, all);
    return Object.freeze({ ...spec, self: work.self });
  });
}

function specOf(kind: NodeKind, name: string, fn: NodeFunction | undefined, options: object): NodeSpec {
  if (kind === "map") return mapSpec(name, fn, options);
  return kind === "event" ? eventSpec(name, fn, options) : nodeSpec(kind, name, fn, options);
}

function readConnection(
  { fields, path }: { readonly fields: Fields; readonly path: string },
  nodes: { readonly names: ReadonlySet<unknown>; readonly specs: ReadonlyMap<string, NodeSpec> },
  section: Section,
): ReadDag["connections"][number] | undefined {
  section.checkFields(fields, CONNECTION, path);
  const { from, output, to, position, key } = fields;
  const problem = (what: string) => void section.report("INVALID_FIELD", `"${section.where(path)}.${what}.`);
  for (const [field, value] of [
    ["from", from],
    ["to", to],
  ] as const) {
    if (typeof value !== "string") return problem(`${field}" must be the name of a node; received ${show(value)}`);
    if (!nodes.names.has(value)) return problem(`${field}" names ${show(value)}, which is no node`);
  }
  for (const [field, value] of [
    ["output", output],
    ["key", key],
  ] as const) {
    if (value !== undefined && typeof value !== "string")
      return problem(`${field}" must be a string; received ${show(value)}`);
  }
  const target = nodes.specs.get(to as string);
  if (target === undefined) return undefined;
  const count = target.signature.inputs.length;
  const isCollected = collects(target.kind, target.signature);
  const isPosition = Number.isInteger(position) && (position as number) >= 0;
  if (isCollected && position !== undefined) {
    return problem(`position" must be absent, since one parameter takes all; received ${show(position)}`);
  }
  // What a workflow takes is known when it is planned.
  if (!isCollected && !(isPosition && ((position as number) < count || target.subworkflow !== undefined))) {
    return problem(`position" must be that of one of ${count} parameters; received ${show(position)}`);
  }
  const input = isCollected ? -1 : (position as number);
  return {
    to: to as string,
    connection: Object.freeze({ node: from, output, optional: false, input, key }) as Connection,
  };
}
