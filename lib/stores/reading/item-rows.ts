import type { Structure } from "../../planning/structure.js";
import type { ItemCounts } from "../../run/state.js";
import type { AttemptRow } from "../database/schema.js";
import { effectiveAttempt } from "./effective-attempt.js";

/** The rows of a run's attempts, divided into those of nodes and those of the items of maps. */
export interface PartedRows {
  /** The nodes that are maps. */
  readonly maps: ReadonlySet<string>;
  readonly nodes: readonly AttemptRow[];
  /** By map and index, each ordered by attempt. */
  readonly items: ReadonlyMap<string, ReadonlyMap<number, readonly AttemptRow[]>>;
}

const NO_ITEMS: PartedRows["items"] = new Map();

/** Divides the rows of attempts by the kinds of the nodes. Cost: O(rows). */
export function partItems(rows: readonly AttemptRow[], structure: Structure): PartedRows {
  const maps = new Set(structure.flatMap(([name, kind]) => (kind === "map" ? name : [])));
  if (maps.size === 0) return { maps, nodes: rows, items: NO_ITEMS };
  const names = new Set(structure.map(([name]) => name));
  const nodes: AttemptRow[] = [];
  const items = new Map<string, Map<number, AttemptRow[]>>();
  for (const row of rows) {
    const [, map, index] = /^(.*)\[(\d+)\]$/su.exec(row.node) ?? [];
    if (map === undefined || names.has(row.node) || !maps.has(map)) {
      nodes.push(row);
      continue;
    }
    let ofMap = items.get(map);
    if (ofMap === undefined) items.set(map, (ofMap = new Map<number, AttemptRow[]>()));
    const list = ofMap.get(Number(index));
    if (list === undefined) ofMap.set(Number(index), [row]);
    else list.push(row);
  }
  return { maps, nodes, items };
}

/** What became of the items of a map, from their rows by index. */
export function countItems(items: ReadonlyMap<number, readonly AttemptRow[]>): ItemCounts {
  const settled = Array.from(items.values(), effectiveAttempt);
  const count = (is: (row: AttemptRow) => boolean) => settled.filter(is).length;
  return {
    total: settled.length,
    completed: count(({ status }) => status === "completed" || status === "copied"),
    failed: count(({ status }) => status === "failed"),
    cached: count(({ is_cached }) => is_cached === 1),
  };
}
