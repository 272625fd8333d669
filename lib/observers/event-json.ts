import { types } from "node:util";
import { messageOf } from "../base/message.js";
import { tryOr } from "../base/safe-access.js";
import type { RunEvent } from "../index.js";

/** How many levels of causes of an error are written. */
const MOST_CAUSES = 8;

/**
 * Any value as JSON on one line. What JSON lacks is written as what is closest: bigints, symbols and functions as texts,
 * maps and sets as arrays, errors as records. What can't be written at all becomes a text that says why. Never throws.
 */
export function toJson(value: unknown): string {
  try {
    return stringify(value, new Ancestors()) ?? "null";
  } catch (error) {
    return JSON.stringify(`[not JSON: ${messageOf(error)}]`);
  }
}

/** An event as JSON on one line, whatever the values in it. */
export function eventJson(event: RunEvent): string {
  const parts = Object.entries(event).flatMap(([key, value]) =>
    value === undefined ? [] : [`${JSON.stringify(key)}:${toJson(value)}`],
  );
  return `{${parts.join(",")}}`;
}

/** The objects around the value that is being written. */
class Ancestors {
  private readonly path: object[] = [];

  /** Whether a value is inside of itself. @param holder - the object that it is a property of */
  add(holder: object, value: object): boolean {
    while (this.path.length > 0 && this.path[this.path.length - 1] !== holder) this.path.pop();
    if (this.path.includes(value)) return true;
    this.path.push(value);
    return false;
  }
}

function stringify(value: unknown, ancestors: Ancestors): string | undefined {
  return JSON.stringify(value, function (this: object, key, given: unknown) {
    const original = tryOr(() => this[key as never] as unknown, given);
    const plain = plainOf(original instanceof Date ? given : original, given);
    if (typeof plain !== "object" || plain === null) return plain;
    return ancestors.add(this, plain) ? "[circular]" : plain;
  });
}

/** @param given - the value after its `toJSON` */
function plainOf(value: unknown, given: unknown): unknown {
  switch (typeof value) {
    case "bigint":
      return String(value);
    case "symbol":
      return value.toString();
    case "function":
      return `[function ${value.name}]`;
    case "number":
      return Number.isFinite(value) ? value : String(value);
    default:
  }
  if (types.isMap(value)) return Array.from(value);
  if (types.isSet(value)) return Array.from(value);
  return types.isNativeError(value) ? errorRecord(value, MOST_CAUSES) : given;
}

function errorRecord(error: Error, levels: number): object {
  const { name, code, node, cause } = error as Error & { code?: unknown; node?: unknown };
  const inner = types.isNativeError(cause) && levels > 0 ? errorRecord(cause, levels - 1) : undefined;
  return {
    name,
    message: messageOf(error),
    ...(typeof code === "string" ? { code } : {}),
    ...(typeof node === "string" ? { node } : {}),
    ...(inner === undefined ? {} : { cause: inner }),
  };
}
