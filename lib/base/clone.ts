import { memberText } from "./obstacle.js";

/** What was found in a value that is to cross to another thread. */
export interface Inspection {
  /** The path of the first thing that can't be cloned, as `rows[3].fn`; undefined when all can. */
  readonly obstacle: string | undefined;
  /** All array buffers that are not shared, each once. */
  readonly buffers: readonly ArrayBuffer[];
}

const NOTHING: Inspection = Object.freeze({ obstacle: undefined, buffers: Object.freeze([]) });

interface Step {
  readonly value: object;
  readonly parent: Step | undefined;
  readonly key: string;
}

/**
 * Looks for what structured clone refuses, and for what it would spoil: instances of classes with methods, which would
 * arrive without them. Cost: O(size of the value), without recursion.
 */
export function inspect(root: unknown): Inspection {
  if (isPlain(root)) return NOTHING;
  if (typeof root !== "object" || root === null) return { obstacle: "", buffers: [] };
  if (ArrayBuffer.isView(root))
    return root.buffer instanceof ArrayBuffer ? { obstacle: undefined, buffers: [root.buffer] } : NOTHING;
  const seen = new Set<object>([root]);
  const buffers = new Set<ArrayBuffer>();
  const stack: Step[] = [{ value: root, parent: undefined, key: "" }];
  for (let step = stack.pop(); step !== undefined; step = stack.pop()) {
    const { value } = step;
    const visit = (child: unknown, key: string): boolean => {
      if (isPlain(child)) return true;
      if (typeof child !== "object" || child === null) return false;
      if (seen.has(child)) return true;
      seen.add(child);
      stack.push({ value: child, parent: step, key });
      return true;
    };
    const obstacle = visitParts(value, buffers, visit);
    if (obstacle !== undefined) return { obstacle: pathOf(step) + obstacle, buffers: [] };
  }
  return { obstacle: undefined, buffers: Array.from(buffers) };
}

/** Visits what is inside a value; gives the key of the first part that can't be cloned, "" for the value itself. */
function visitParts(
  value: object,
  buffers: Set<ArrayBuffer>,
  visit: (child: unknown, key: string) => boolean,
): string | undefined {
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (!visit(value[i], `[${i}]`)) return `[${i}]`;
    return undefined;
  }
  if (ArrayBuffer.isView(value)) {
    if (value.buffer instanceof ArrayBuffer) buffers.add(value.buffer);
    return undefined;
  }
  if (value instanceof ArrayBuffer) return void buffers.add(value);
  if (value instanceof SharedArrayBuffer || value instanceof Date || value instanceof RegExp) return undefined;
  if (value instanceof Map) {
    let i = 0;
    for (const [key, item] of value as Map<unknown, unknown>) {
      if (!visit(key, `<key ${i}>`)) return `<key ${i}>`;
      const name = typeof key === "string" ? `.get(${JSON.stringify(key)})` : `<value ${i}>`;
      if (!visit(item, name)) return name;
      i++;
    }
    return undefined;
  }
  if (value instanceof Set) {
    let i = 0;
    for (const item of value as Set<unknown>) {
      if (!visit(item, `<item ${i}>`)) return `<item ${i}>`;
      i++;
    }
    return undefined;
  }
  if (value instanceof Error) return visit(value.cause, ".cause") ? undefined : ".cause";
  if (!survives(value)) return "";
  for (const key of Object.keys(value)) {
    const name = memberText(key);
    if (!visit((value as Record<string, unknown>)[key], name)) return name;
  }
  return undefined;
}

function isPlain(value: unknown): boolean {
  switch (typeof value) {
    case "object":
      return value === null;
    case "function":
    case "symbol":
      return false;
    default:
      return true;
  }
}

/** Prototypes by whether their objects lose nothing as plain ones. */
const known = new WeakMap<object, boolean>([
  [Object.prototype, true],
  [Boolean.prototype, true],
  [Number.prototype, true],
  [String.prototype, true],
  [Promise.prototype, false],
]);

/** Whether an object arrives as it is, or at least with all its data and nothing else. */
function survives(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === null) return true;
  let answer = known.get(prototype);
  if (answer === undefined) {
    const members = Reflect.ownKeys(prototype).filter((key) => key !== "constructor");
    answer = members.length === 0 && survives(prototype);
    known.set(prototype, answer);
  }
  return answer;
}

function pathOf(step: Step): string {
  const keys: string[] = [];
  for (let at: Step | undefined = step; at !== undefined; at = at.parent) keys.push(at.key);
  return keys.reverse().join("");
}
