import { ValidationError } from "../../base/errors.js";
import type { NodeHooks } from "../specs/node-options.js";
import { needText, optional, toNeed, type Need, type NeedLike } from "../specs/need.js";
import type { NodeSpec } from "../specs/node-spec.js";
import type { Document } from "./document.js";
import type { DataWriter } from "./values.js";

/** A need as data: `"node"`, `"node.output"`, or `{ optional: "node" }`. */
export type NeedJson = string | { readonly optional: string };

/** A node or state as data: its name, its options, and for a node its kind. */
export interface MemberJson {
  readonly name: string;
  readonly needs?: readonly NeedJson[];
  readonly after?: readonly NeedJson[];
  readonly [option: string]: unknown;
}

/**
 * Writes a node or a state. Its function is not part of that.
 * @param hooks - its own hooks, wherever they were set
 */
export function memberJson(
  spec: NodeSpec,
  hooks: NodeHooks | undefined,
  writer: DataWriter,
  list: "nodes" | "states",
): MemberJson {
  const { name, needs, after } = spec;
  refuseComposed(spec, list);
  const written = { name: undefined, needs: undefined, after: undefined };
  return {
    name,
    ...(list === "nodes" ? { kind: spec.kind } : {}),
    ...(needs.length > 0 ? { needs: needs.map(needJson) } : {}),
    ...(after.length > 0 ? { after: after.map(needJson) } : {}),
    ...(writer.write({ ...spec.options, ...written, hooks }, `${list}.${name}`) as object),
  };
}

/** @throws {ValidationError} VALIDATION for what has no form as data yet */
function refuseComposed({ name, kind, subworkflow, needs }: NodeSpec, list: "nodes" | "states"): void {
  const what = subworkflow !== undefined ? "a workflow" : KINDS_WITHOUT_DATA.has(kind) ? `a ${kind}` : undefined;
  const streams = needs.some(({ stream }) => stream === true) ? "streams another one" : undefined;
  const reason = what === undefined ? streams : `is ${what}`;
  if (reason === undefined) return;
  const word = list === "nodes" ? "node" : "state";
  throw new ValidationError(
    `Only functions can be written as data, but ${word} "${name}" ${reason}. Keep the definition in code.`,
  );
}

const KINDS_WITHOUT_DATA: ReadonlySet<string> = new Set(["map", "when", "coalesce"]);

function needJson(need: Need): NeedJson {
  return need.optional ? { optional: needText(need) } : needText(need);
}

/** The needs of a node, from data. */
export function readNeeds(json: unknown, node: string, document: Document): NeedLike[] | undefined {
  if (json === undefined) return undefined;
  return document.attempt(() => {
    if (!Array.isArray(json)) throw new TypeError(`The needs of node "${node}" must be a list.`);
    return json.map((need: unknown) => {
      const isOptional = typeof need === "object" && need !== null && Object.keys(need).join() === "optional";
      const text = isOptional ? (need as { optional: string }).optional : (need as string);
      if (typeof text === "string") toNeed(text, node);
      else toNeed(undefined, node);
      return isOptional ? optional(text) : text;
    });
  });
}
