import type { NodeSpec } from "../../definition/specs/node-spec.js";
import type { AnyWorkflow } from "../workflow-source.js";

/** Keeps the fields of the objects whose methods are nodes. @returns a function that puts them back */
export function keepFields(workflow: AnyWorkflow): () => void {
  const selves = new Set<object>();
  collect(workflow, selves, new Set());
  const kept = Array.from(selves, (self) => ({ self, fields: copy({ ...self }) }));
  return () => {
    for (const { self, fields } of kept) {
      for (const key of Object.keys(self)) if (!Object.hasOwn(fields, key)) Reflect.deleteProperty(self, key);
      Object.assign(self, copy(fields));
    }
  };
}

function collect(workflow: AnyWorkflow, selves: Set<object>, seen: Set<object>): void {
  if (seen.has(workflow)) return;
  seen.add(workflow);
  for (const { self } of workflow.members.values() as Iterable<NodeSpec>) {
    if (typeof self === "object" && self !== null) selves.add(self);
  }
  for (const { workflow: inside } of workflow.subworkflows.values()) collect(inside as AnyWorkflow, selves, seen);
}

/** What can't be copied, such as a function or a connection, stays the same object. */
function copy(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const copied = Object.entries(fields).map(([key, value]) => [key, isPlain(value) ? structuredClone(value) : value]);
  return Object.fromEntries(copied) as Record<string, unknown>;
}

/** Whether a value consists of data only. */
function isPlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (value instanceof Map || value instanceof Set) return Array.from(value).flat().every(isData);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== Array.prototype && prototype !== null)
    return value instanceof Date;
  return Object.values(value).every(isData);
}

function isData(value: unknown): boolean {
  return typeof value === "object" && value !== null
    ? isPlain(value)
    : typeof value !== "function" && typeof value !== "symbol";
}
