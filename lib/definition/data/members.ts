import { joinEventOptions } from "../specs/event-spec.js";
import { show } from "../../base/check.js";
import { InvalidNodeError } from "../../base/errors.js";
import { define, isPlainRecord } from "../../base/objects.js";
import { isSubworkflow, type Subworkflow } from "../specs/subworkflow-spec.js";
import type { NodeHooks } from "../specs/node-options.js";
import { needText, optional, stream, toNeed, type Need, type NeedLike } from "../specs/need.js";
import { hasFunction, type NodeSpec } from "../specs/node-spec.js";
import { cases, casesOf, type Case, type CaseFunction } from "../switch.js";
import type { Fields, FoundFunction, Section } from "./section.js";
import { caseName, type SubworkflowJson, type WorkflowWriter } from "./workflow-writer.js";

/** A need as data: `"node"`, `"node.output"`, `{ stream: "node" }`, or `{ optional: … }` of one of these. */
export type NeedJson =
  string | { readonly stream: string } | { readonly optional: string | { readonly stream: string } };

/** A case as data: empty for a function. */
export type CaseJson = SubworkflowJson | Readonly<Record<string, never>>;

/** A node or state as data: its name, its options, and for a node its kind. */
export interface MemberJson {
  readonly name: string;
  readonly needs?: readonly NeedJson[];
  readonly after?: readonly NeedJson[];
  /** The workflow in the place of its function. */
  readonly subworkflow?: SubworkflowJson;
  /** The cases in the place of its function, by label. */
  readonly cases?: Readonly<Record<string, CaseJson>>;
  /** Of a node without a function, whose backend knows what it does. */
  readonly function?: "none";
  readonly [option: string]: unknown;
}

type Cases = ReadonlyMap<string, CaseFunction | Subworkflow>;

/** Writes what takes the place of a member's function; nothing for a plain function. */
export function workJson(
  spec: NodeSpec,
  writer: WorkflowWriter,
): Pick<MemberJson, "subworkflow" | "cases" | "function"> {
  const { name, subworkflow, fn } = spec;
  if (!hasFunction(spec)) return { function: "none" };
  if (subworkflow !== undefined) return { subworkflow: writer.subworkflow(subworkflow, name) };
  const table = casesOf(fn);
  return table === undefined ? {} : { cases: casesJson(table, name, writer) };
}

function casesJson(table: Cases, node: string, writer: WorkflowWriter): Record<string, CaseJson> {
  const written: Record<string, CaseJson> = {};
  for (const [label, found] of table) {
    define(written, label, isSubworkflow(found) ? writer.subworkflow(found, caseName(node, label)) : {});
  }
  return written;
}

/** Reads what {@link workJson} has written, and otherwise finds the function. Undefined if there is none. */
export function readWork(
  { fields, name, path }: { readonly fields: Fields; readonly name: string; readonly path: string },
  section: Section,
): FoundFunction | Subworkflow | undefined {
  if (fields.subworkflow !== undefined) return section.subworkflow(fields.subworkflow, `${path}.subworkflow`);
  if (fields.cases === undefined) return section.functionOf(name);
  const table = readCases(fields.cases, name, `${path}.cases`, section);
  return table && section.attempt(() => ({ fn: cases(table), self: section.self }));
}

function readCases(json: unknown, node: string, path: string, section: Section): Record<string, Case> | undefined {
  if (!isPlainRecord(json)) {
    const rule = "must be an object with a case for each label";
    return void section.report("INVALID_FIELD", `"${section.where(path)}" ${rule}; received ${show(json)}.`);
  }
  const table: Record<string, Case> = {};
  for (const [label, fields] of Object.entries(json)) {
    const isFunction = isPlainRecord(fields) && Object.keys(fields).length === 0;
    const found = isFunction
      ? section.functionOf(caseName(node, label))?.fn
      : section.subworkflow(fields, `${path}.${label}`);
    if (found !== undefined) define(table, label, found);
  }
  return Object.keys(table).length < Object.keys(json).length ? undefined : table;
}

export function needJson({ node, output, optional: isOptional, stream: isStream }: Need): NeedJson {
  const text = needText({ node, output });
  const need = isStream === true ? { stream: text } : text;
  return isOptional ? { optional: need } : need;
}

/** A need from data. @throws {InvalidNodeError} INVALID_NODE when it is none */
export function readNeed(json: unknown, node: string): NeedLike {
  const inner = only("optional", json);
  const streamed = only("stream", inner ?? json);
  const text = streamed ?? inner ?? json;
  if (typeof text !== "string") {
    const forms = '"node", "node.output", { stream: … } or { optional: … }';
    throw new InvalidNodeError(`A need of node "${node}" must be ${forms}; received ${show(json)}.`);
  }
  toNeed(text, node);
  const source = streamed === undefined ? text : stream(text);
  return inner === undefined ? source : optional(source);
}

/** What an object has under its only key, if that is the given one. */
function only(key: string, json: unknown): unknown {
  return isPlainRecord(json) && Object.keys(json).join() === key ? json[key] : undefined;
}

/** A list of needs from data. */
export function readNeeds(json: unknown, node: string, path: string, section: Section): NeedLike[] | undefined {
  if (json === undefined) return undefined;
  if (!Array.isArray(json)) {
    return void section.report("INVALID_FIELD", `"${section.where(path)}" must be a list; received ${show(json)}.`);
  }
  return json.flatMap((need: unknown) => section.attempt(() => readNeed(need, node)) ?? []);
}

/** Writes the options of a member, with the hooks that it has now. */
export function optionsJson(
  spec: NodeSpec,
  hooks: NodeHooks | undefined,
  place: string,
  writer: WorkflowWriter,
): object {
  const elsewhere = { name: undefined, needs: undefined, after: undefined };
  const options = spec.event === undefined ? spec.options : joinEventOptions(spec.event, spec.options);
  return writer.record({ ...options, ...spec.map, ...elsewhere, backend: backendData(options.backend), hooks }, place);
}

/** Is no data, so a reference to its place stands for it. */
const NO_DATA = Symbol("no data");

/** A backend is written as a whole, whatever it is made of. */
export function backendData<B>(backend: B): B | symbol {
  return typeof backend === "object" && backend !== null && "run" in backend ? NO_DATA : backend;
}
