import { isDataPrototype, markOf, type DataInstances } from "./brand.js";
import { ancestryOf, type Ancestry } from "./class-state.js";
import { tryOr } from "./safe-access.js";
import { memberText } from "./unsupported-value.js";

/** The result of {@link inspect}: whether a value can be sent to another thread, and facts about its contents. */
export interface Inspection {
  /** The path of the first part that can't be cloned, such as `rows[3].fn`; undefined if there is none. */
  readonly obstacle: string | undefined;
  /** The part at that path. */
  readonly found?: unknown;
  /** All unshared array buffers, each once. */
  readonly buffers: readonly ArrayBuffer[];
  /** Whether it holds errors, of which structured clone keeps only name, message, stack and cause. */
  readonly hasErrors: boolean;
  /** The instances that would arrive as records, see {@link DataInstances}. */
  readonly instances: DataInstances;
}

/**
 * The maximum nesting depth of a value. Node serializes recursively: a main thread supports 1500 levels, and a worker,
 * whose stack is larger, 7000, so a worker can write values that a main thread can't read.
 */
const MOST_LEVELS = 1000;

const NOTHING: Inspection = Object.freeze({
  obstacle: undefined,
  buffers: Object.freeze([]),
  hasErrors: false,
  instances: Object.freeze([]),
});

interface Step {
  readonly value: object;
  readonly parent: Step | undefined;
  readonly key: string;
  readonly level: number;
}

interface Found {
  readonly buffers: Set<ArrayBuffer>;
  hasErrors: boolean;
  readonly instances: (readonly [kind: string, instance: object])[];
}

type Visit = (child: unknown, key: string) => boolean;

/**
 * Finds the first part of a value that structured clone refuses, writes but can't read back, or would change: instances
 * of classes with methods, which would arrive without them, except for those of `markData`. Cost: O(size of the value), without recursion.
 * @param spoils - whether to refuse an object even if it can be cloned
 */
export function inspect(root: unknown, spoils?: (value: object) => boolean): Inspection {
  if (isPlain(root)) return NOTHING;
  if (typeof root !== "object" || root === null) return refusal("", root);
  if (ArrayBuffer.isView(root)) return isOwned(root.buffer) ? { ...NOTHING, buffers: [root.buffer] } : NOTHING;
  const seen = new Set<object>();
  const found: Found = { buffers: new Set(), hasErrors: false, instances: [] };
  let last: unknown;
  // In the order of structured clone, so that a step's parents are the objects that it is reading at that point.
  const stack: Step[] = [{ value: root, parent: undefined, key: "", level: 0 }];
  for (let step = stack.pop(); step !== undefined; step = stack.pop()) {
    const { value, level } = step;
    const { size } = seen;
    if (seen.add(value).size === size) continue;
    const next = stack.length;
    const visit: Visit = (child, key) => {
      if (isPlain(child)) return true;
      last = child;
      if (typeof child !== "object" || child === null) return false;
      if (seen.has(child)) return !found.hasErrors || !isUnreadable(child, step);
      if (level + 1 === MOST_LEVELS) return false;
      stack.push({ value: child, parent: step, key, level: level + 1 });
      return true;
    };
    const obstacle = spoils?.(value) === true ? "" : visitParts(value, found, visit);
    if (obstacle !== undefined) return refusal(pathOf(step) + obstacle, obstacle === "" ? value : last);
    for (let i = next, j = stack.length - 1; i < j; i++, j--) {
      const later = stack[i];
      stack[i] = stack[j];
      stack[j] = later;
    }
  }
  const { hasErrors, instances } = found;
  return { obstacle: undefined, buffers: Array.from(found.buffers), hasErrors, instances };
}

function refusal(obstacle: string, found: unknown): Inspection {
  return { ...NOTHING, obstacle, found };
}

/**
 * Whether a reference to `child` can't be read within `step`: Node 20 registers an error only after reading its cause.
 */
function isUnreadable(child: object, step: Step): boolean {
  if (formOf(child) !== "Error") return false;
  let at: Step | undefined = step;
  while (at !== undefined && at.value !== child) at = at.parent;
  return at !== undefined && !readsCircles();
}

let circles: boolean | undefined;

function readsCircles(): boolean {
  if (circles === undefined) {
    const error = new Error("its own cause");
    error.cause = error;
    circles = tryOr(() => structuredClone(error) instanceof Error, false);
  }
  return circles;
}

/** Visits the parts of a value. Returns the key of the first one that can't be cloned, or "" for the value itself. */
function visitParts(value: object, found: Found, visit: Visit): string | undefined {
  if (process.getBuiltinModule("node:util").types.isProxy(value)) return "";
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (!visit(value[i], `[${i}]`)) return `[${i}]`;
    return undefined;
  }
  if (ArrayBuffer.isView(value)) {
    if (isOwned(value.buffer)) found.buffers.add(value.buffer);
    return undefined;
  }
  switch (formOf(value)) {
    case "Object":
      return visitMembers(value as Record<string, unknown>, visit);
    case DATA:
      found.instances.push([markOf(value) as string, value]);
      return visitMembers(value as Record<string, unknown>, visit);
    case "Map":
      return visitEntries(value as Map<unknown, unknown>, visit);
    case "Set":
      return visitItems(value as Set<unknown>, visit);
    case "Error":
      found.hasErrors = true;
      return visit((value as Error).cause, ".cause") ? undefined : ".cause";
    case "ArrayBuffer":
      return void found.buffers.add(value as ArrayBuffer);
    case "Date":
    case "RegExp":
      return undefined;
    default:
      return isShared(value) ? undefined : "";
  }
}

function visitMembers(value: Record<string, unknown>, visit: Visit): string | undefined {
  for (const key of Object.keys(value)) {
    const name = memberText(key);
    if (!visit(value[key], name)) return name;
  }
  return undefined;
}

function visitEntries(value: Map<unknown, unknown>, visit: Visit): string | undefined {
  let i = 0;
  for (const [key, item] of value) {
    if (!visit(key, `<key ${i}>`)) return `<key ${i}>`;
    const name = typeof key === "string" ? `.get(${JSON.stringify(key)})` : `<value ${i}>`;
    if (!visit(item, name)) return name;
    i++;
  }
  return undefined;
}

function visitItems(value: Set<unknown>, visit: Visit): string | undefined {
  let i = 0;
  for (const item of value) {
    if (!visit(item, `<item ${i}>`)) return `<item ${i}>`;
    i++;
  }
  return undefined;
}

function isOwned(buffer: ArrayBufferLike): buffer is ArrayBuffer {
  return buffer instanceof ArrayBuffer || !isShared(buffer);
}

function isShared(value: object): boolean {
  return process.getBuiltinModule("node:util").types.isSharedArrayBuffer(value);
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

/** The form of the instances that restoreInstances makes again. */
const DATA = "data";

/** The native class that objects are cloned as, by prototype, or {@link DATA}; undefined if cloning loses data. */
const forms = new WeakMap<object, string | undefined>();

/** Objects may come from other realms: under Jest, messages from threads come from a different realm than the tests. */
function formOf(value: object): string | undefined {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === null || prototype === Object.prototype) return "Object";
  if (!forms.has(prototype)) {
    forms.set(prototype, isDataPrototype(prototype) ? DATA : newForm(ancestryOf(prototype)));
  }
  return forms.get(prototype);
}

function newForm({ native = "Object", prototypes }: Ancestry): string | undefined {
  if (native === "DOMException" && !clonesDOMExceptions()) return undefined;
  if (/(?:Error|Exception)$/u.test(native)) return "Error";
  if (!["Object", "Boolean", "Number", "String"].includes(native)) return native;
  // Instances of classes are cloned as records.
  return prototypes.every(isEmpty) ? "Object" : undefined;
}

/** Whether DOMExceptions can be cloned: Node 20 turns them into `{}`. */
function clonesDOMExceptions(): boolean {
  return tryOr(() => structuredClone(new DOMException()) instanceof DOMException, false);
}

function isEmpty(prototype: object): boolean {
  return Reflect.ownKeys(prototype).every((key) => key === "constructor");
}

function pathOf(step: Step): string {
  const keys: string[] = [];
  for (let at: Step | undefined = step; at !== undefined; at = at.parent) keys.push(at.key);
  return keys.reverse().join("");
}
