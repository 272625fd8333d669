import { Document, VERSION, type DefinitionJson, type FromDataOptions } from "../definition/data/document.js";
import { memberJson, readNeeds, type MemberJson } from "../definition/data/members.js";
import { DataWriter } from "../definition/data/values.js";
import type { Connection, DefinedDag } from "../definition/defined.js";
import { NODE_OPTIONS, type NodeHooks } from "../definition/specs/node-options.js";
import { collects, nodeSpec, type NodeKind, type NodeSpec } from "../definition/specs/node-spec.js";
import { show } from "../base/check.js";
import type { DagOptions } from "./options.js";

/** A dag as data, see {@link Dag.toJSON}. */
export interface DagJson extends DefinitionJson {
  readonly kind: "dag";
  /** In order of definition. */
  readonly nodes: readonly MemberJson[];
  /** What `connect` has added. */
  readonly connections?: readonly ConnectionJson[];
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

const KINDS: readonly unknown[] = ["node", "condition", "select", "all", "any"];
/** The options of dags that are part of the data; `module` is not, since it is where the dag is made. */
const OPTIONS = ["description", "metadata", "errorStrategy", "inputs", "autowire", "wiring", "runOptions"];
const ENTRY = ["kind", ...NODE_OPTIONS];
const CONNECTION = ["from", "output", "to", "position", "key"];

/** Writes a dag as data. Cost: O(nodes + connections). */
export function dagJson(dag: Written): DagJson {
  const writer = new DataWriter();
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
    version: VERSION,
    kind: "dag",
    name: dag.name,
    ...(writer.write({ ...dag.options, module: undefined }, "") as object),
    ...(dag.defaultHooks === undefined ? {} : { hooks: writer.write(dag.defaultHooks, "hooks") }),
    nodes: Array.from(dag.nodes.values(), (spec) => memberJson(spec, dag.nodeHooks(spec.name), writer, "nodes")),
    ...(connections.length === 0 ? {} : { connections: writer.write(connections, "connections") as ConnectionJson[] }),
  };
}

/**
 * Reads a dag from data.
 * @throws {ValidationError} VALIDATION with everything that is unknown or invalid
 */
export function readDag(json: unknown, given: FromDataOptions<object>): ReadDag {
  const document = new Document("dag", json, given, [...OPTIONS, "hooks", "nodes", "connections"]);
  const { hooks, ...options } = document.valuesOf(document.fields, [...OPTIONS, "hooks"], "");
  const entries = document.entries("nodes", ENTRY);
  const specs = entries.flatMap(({ fields, path }) => readNode(fields, path, document) ?? []);
  const byName = new Map(specs.map((spec) => [spec.name, spec]));
  const names = new Set(entries.map(({ fields }) => fields.name));
  const connections = document
    .entries("connections", CONNECTION)
    .flatMap(({ fields, path }) => readConnection(fields, path, { names, specs: byName }, document) ?? []);
  return document.result({ name: document.name, options, specs, connections, defaultHooks: hooks as NodeHooks });
}

type Fields = Readonly<Record<string, unknown>>;

function readNode(fields: Fields, path: string, document: Document): NodeSpec | undefined {
  const { name, kind = "node" } = fields;
  if (typeof name !== "string") {
    return void document.report("INVALID_FIELD", `"${path}.name" must be a string; received ${show(name)}.`);
  }
  if (!KINDS.includes(kind)) {
    document.report("UNKNOWN_KIND", `"${path}.kind" must be one of ${KINDS.join(", ")}; received ${show(kind)}.`, [
      name,
    ]);
  }
  const found = document.functionOf(name);
  const needs = readNeeds(fields.needs, name, document);
  const after = readNeeds(fields.after, name, document);
  const others = NODE_OPTIONS.filter((option) => !["name", "needs", "after"].includes(option));
  const options = document.valuesOf(fields, others, `nodes.${name}`);
  if (found === undefined || !KINDS.includes(kind)) return undefined;
  return document.attempt(() => {
    const spec = nodeSpec(kind as NodeKind, name, found.fn, { ...options, needs, after });
    return Object.freeze({ ...spec, self: found.self });
  });
}

function readConnection(
  fields: Fields,
  path: string,
  nodes: { readonly names: ReadonlySet<unknown>; readonly specs: ReadonlyMap<string, NodeSpec> },
  document: Document,
): ReadDag["connections"][number] | undefined {
  const { from, output, to, position, key } = fields;
  const problem = (what: string) => void document.report("INVALID_FIELD", `"${path}.${what}.`);
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
  if (
    isCollected
      ? position !== undefined
      : !(Number.isInteger(position) && (position as number) >= 0 && (position as number) < count)
  ) {
    const rule = isCollected
      ? "must be absent, since one parameter takes all"
      : `must be that of one of ${count} parameters`;
    return problem(`position" ${rule}; received ${show(position)}`);
  }
  const input = isCollected ? -1 : (position as number);
  return {
    to: to as string,
    connection: Object.freeze({ node: from, output, optional: false, input, key }) as Connection,
  };
}
