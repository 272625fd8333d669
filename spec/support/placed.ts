import { vi } from "vitest";
import type { NodeSpec } from "../../lib/definition/specs/node-spec.js";
import type { Backend } from "../../lib/backends/backend.js";
import { Placements } from "../../lib/dag/placements.js";
import { INLINE, type BackendName } from "../../lib/run/place.js";

/** Places the nodes of all runs that may leave this thread: on the backend that `choose` gives, else inline. */
export function placeNodes(choose: (spec: NodeSpec) => Backend | undefined): void {
  vi.spyOn(Placements.prototype, "of").mockImplementation(({ specs }) => {
    const chosen = specs.map(choose);
    const places = chosen.map((backend) =>
      backend === undefined ? INLINE : { backend: backend.name as BackendName, reason: undefined },
    );
    return { places, backends: Array.from(new Set(chosen)).filter((backend) => backend !== undefined) };
  });
}

/** Whether mode `parallel` places a node on another backend, if it can. */
export function isMovable({ kind, options }: NodeSpec): boolean {
  return options.backend === undefined ? kind !== "condition" && kind !== "select" : options.backend !== "inline";
}
