/** Parsers of the columns that hold plain JSON instead of encoded values. Each throws for invalid text. */
import { isTime } from "../../base/check.js";
import type { Structure } from "../../planning/structure.js";
import type { RecordedWait } from "../store.js";

export function parseNames(text: string): readonly string[] {
  const names = JSON.parse(text) as unknown;
  if (isStrings(names)) return names;
  throw new TypeError("it must be a list of names");
}

export function parseStructure(text: string): Structure {
  const nodes = JSON.parse(text) as unknown;
  if (Array.isArray(nodes) && nodes.every((node) => isStrings(node) && node.length >= 2)) {
    const structure = nodes as unknown as Structure;
    if (new Set(structure.map(([name]) => name)).size === structure.length) return structure;
  }
  throw new TypeError("it must list each node once, with its kind and wiring");
}

/** @param isState - whether the fsm has a state of this name */
export function parseWait(text: string, isState: (name: string) => boolean): RecordedWait {
  const wait = JSON.parse(text) as Partial<RecordedWait> | null;
  const { events, after } = wait ?? {};
  const isPair = (pair: unknown) => isStrings(pair) && pair.length === 2 && isState(pair[1]);
  const isAfter = after === undefined || (after !== null && isTime(after.at) && isState(after.state));
  if (Array.isArray(events) && events.every(isPair) && isAfter) return { events, after };
  throw new TypeError("it must map events, and optionally a deadline, to states");
}

/** {@link parseWait} with any state; undefined for a corrupt text. */
export function tryParseWait(text: string): RecordedWait | undefined {
  try {
    return parseWait(text, () => true);
  } catch {
    return undefined;
  }
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === "string");
}
