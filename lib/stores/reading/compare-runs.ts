import { withJson } from "../../base/json.js";
import { ownValue } from "../../base/objects.js";
import { structuralKey } from "../../base/structural-key.js";
import type { NodeDetails, RunDetails } from "./run-details.js";

/** A node or state that differs between two runs. */
export interface NodeDifference {
  /** The name of the node or state. */
  readonly node: string;
  /** The node in the first run; undefined if that has no such node. */
  readonly a: NodeDetails | undefined;
  /** The node in the second run; undefined if that has no such node. */
  readonly b: NodeDetails | undefined;
  /** The aspects that differ. */
  readonly differs: readonly ("presence" | "status" | "branch" | "output" | "attempts")[];
}

/**
 * How two recorded runs differ, as `SqlStore.diffRuns` found it. Values that can't be compared count as different.
 */
export interface RunDifference {
  /** The id of the first run. */
  readonly a: string;
  /** The id of the second run. */
  readonly b: string;
  /** The nodes that differ, in definition order, with the nodes that only `b` has last. */
  readonly nodes: readonly NodeDifference[];
  /** The names of the inputs that differ. */
  readonly inputs: readonly string[];
}

/** Compares two runs node by node, by value. Pure. */
export function compareRuns(a: RunDetails, b: RunDetails): RunDifference {
  const nodes: NodeDifference[] = [];
  for (const node of new Set([...a.nodes.keys(), ...b.nodes.keys()])) {
    const [one, other] = [a.nodes.get(node), b.nodes.get(node)];
    const differs = differences(one, other);
    if (differs.length > 0) nodes.push(withJson({ node, a: one, b: other, differs }));
  }
  const names = new Set([...Object.keys(a.inputs), ...Object.keys(b.inputs)]);
  const inputs = Array.from(names).filter((name) => !isSame(ownValue(a.inputs, name), ownValue(b.inputs, name)));
  return withJson({ a: a.runId, b: b.runId, nodes, inputs });
}

function differences(a: NodeDetails | undefined, b: NodeDetails | undefined): NodeDifference["differs"] {
  if (a === undefined || b === undefined) return ["presence"];
  const simple = (["status", "branch", "attempts"] as const).filter((key) => a[key] !== b[key]);
  return isSame(a.output, b.output) ? simple : [...simple, "output"];
}

/** Treats values that can't be compared as different. */
function isSame(a: unknown, b: unknown): boolean {
  try {
    return structuralKey(a) === structuralKey(b);
  } catch {
    return false;
  }
}
