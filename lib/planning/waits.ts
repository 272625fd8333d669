import type { ValidationIssue } from "../base/errors.js";
import type { StandardSchema } from "../base/standard-schema.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";

/** An event that nodes wait for. */
export interface AwaitedEvent {
  /** In order of definition. */
  readonly nodes: readonly number[];
  /** The schema of its payload. */
  readonly schema: StandardSchema<any, any> | undefined;
}

/** The nodes of a dag that may wait once their needs have completed: those with a delay, or with an event. */
export interface WaitPlan {
  readonly nodes: ReadonlySet<number>;
  readonly events: ReadonlyMap<string, AwaitedEvent>;
}

/**
 * Finds the nodes that wait; undefined if there are none. Pure. Cost: O(nodes).
 * @param isStreaming - whether a node runs together with others, connected by a stream
 */
export function planWaits(
  specs: readonly NodeSpec[],
  isStreaming: (node: number) => boolean,
  report: (issue: ValidationIssue) => void,
): WaitPlan | undefined {
  const nodes = new Set<number>();
  const events = new Map<string, { nodes: number[]; schema: AwaitedEvent["schema"] }>();
  specs.forEach(({ name, event, options }, node) => {
    if (event === undefined && options.delay === undefined) return;
    nodes.add(node);
    if (isStreaming(node)) {
      const message = `Node "${name}" runs at the same time as others, connected by a stream, so it can't wait. Let a node before them wait.`;
      report({ severity: "error", code: "INVALID_NODE", message, nodes: [name] });
    }
    if (event === undefined) return;
    const others = events.get(event.name);
    if (others === undefined) return void events.set(event.name, { nodes: [node], schema: event.schema });
    others.nodes.push(node);
    if (others.schema === event.schema) return;
    const first = specs[others.nodes[0]].name;
    const message = `Nodes "${first}" and "${name}" wait for the event "${event.name}" with different schemas. Give them the same one.`;
    report({ severity: "error", code: "INVALID_NODE", message, nodes: [first, name] });
  });
  return nodes.size === 0 ? undefined : { nodes, events };
}
