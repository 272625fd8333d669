/** Something in a value has nothing by which it could be found equal to another. */
export class Incomparable extends Error {}

/** A part of an object: text as it stands, or another object. */
type Part = string | object;

/** An object that is being written. */
interface Frame {
  readonly value: object;
  /** Objects among them are replaced by their names, from the first part to the last. */
  readonly parts: Part[];
  next: number;
  readonly number: number;
}

/**
 * Text that is the same for values of the same structure, and for no others: records by their keys in any order, lists,
 * `Map`s and `Set`s in theirs; dates, typed arrays, errors, bigints, `-0`, `NaN`, `undefined` and circles included.
 * Instances count as their class's name and their own properties.
 *
 * Each structure is written once and then named by a number, so that objects count by what they are, and those met again
 * cost nothing. In a value that contains itself they count by which they are. Cost: O(size of the value), without
 * recursion.
 * @throws {Incomparable} for functions, symbols, and objects that keep their data to themselves
 */
export function structuralKey(value: unknown): string {
  const root = partOf(value);
  if (typeof root === "string") return root;
  // What holds no objects is its own only structure.
  const parts = partsOf(root);
  if (parts.every((part) => typeof part === "string")) return parts.join(",");
  return new Writer(false).write(root, parts) ?? `~${new Writer(true).write(root, partsOf(root))}`;
}

class Writer {
  /** The structures found so far, in terms of each other. */
  private readonly structures: string[] = [];
  private readonly numbers = new Map<string, number>();
  /** The names of objects; undefined while their structure is not known. */
  private readonly names = new Map<object, string | undefined>();
  private readonly stack: Frame[] = [];

  constructor(private readonly byIdentity: boolean) {}

  /** Undefined when structures can't be told apart because the value contains itself. */
  write(root: object, rootParts: Part[]): string | undefined {
    this.open(root, rootParts);
    for (let frame = this.stack.at(-1); frame !== undefined; frame = this.stack.at(-1)) {
      const { parts } = frame;
      while (frame.next < parts.length && typeof parts[frame.next] === "string") frame.next++;
      if (frame.next === parts.length) {
        this.close(frame);
        continue;
      }
      const part = parts[frame.next] as object;
      if (!this.names.has(part)) {
        this.open(part, partsOf(part));
        continue;
      }
      const name = this.names.get(part);
      if (name === undefined) return undefined;
      parts[frame.next] = name;
    }
    return this.structures.join(";");
  }

  private open(value: object, parts: Part[]): void {
    const number = this.byIdentity ? this.structures.push("") - 1 : -1;
    this.names.set(value, this.byIdentity ? `#${number}` : undefined);
    this.stack.push({ value, parts, next: 0, number });
  }

  private close({ value, parts, number }: Frame): void {
    const text = (parts as string[]).join(",");
    this.stack.pop();
    if (this.byIdentity) {
      this.structures[number] = text;
      return;
    }
    let known = this.numbers.get(text);
    if (known === undefined) {
      known = this.structures.push(text) - 1;
      this.numbers.set(text, known);
    }
    this.names.set(value, `#${known}`);
  }
}

/** Text for everything but objects. Strings begin with their length, so that nothing in them can be taken for more. */
function partOf(value: unknown): Part {
  switch (typeof value) {
    case "string":
      return `"${value.length}:${value}`;
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "bigint":
      return `${value}n`;
    case "boolean":
    case "undefined":
      return String(value);
    case "object":
      return value ?? "null";
    case "function":
      throw new Incomparable(`function ${value.name || "(anonymous)"} has no value to compare.`);
    case "symbol":
      throw new Incomparable(`${String(value)} has no value to compare.`);
  }
}

/** What an object consists of, in an order that its structure says. */
function partsOf(value: object): Part[] {
  if (Array.isArray(value)) return ["[", ...Array.from(value, (element, i) => (i in value ? partOf(element) : "hole"))];
  if (value instanceof Map)
    return [
      "Map",
      ...Array.from(value as Map<unknown, unknown>)
        .flat()
        .map(partOf),
    ];
  if (value instanceof Set) return ["Set", ...Array.from(value as Set<unknown>, partOf)];
  if (value instanceof Date) return ["Date", partOf(value.getTime())];
  if (value instanceof RegExp) return ["RegExp", partOf(value.source), partOf(value.flags)];
  if (ArrayBuffer.isView(value)) {
    const type = Object.prototype.toString.call(value);
    return [type, textOf(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))];
  }
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer)
    return ["bytes", textOf(new Uint8Array(value))];
  if (value instanceof Boolean || value instanceof Number || value instanceof String || value instanceof BigInt) {
    return ["boxed", partOf(value.valueOf())];
  }
  if (value instanceof Error) {
    const { name, message, cause, errors } = value as AggregateError;
    return ["Error", partOf(name), partOf(message), partOf(cause), partOf(errors), ...propertiesOf(value)];
  }
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === null || prototype === Object.prototype) return ["{", ...propertiesOf(value)];
  return instanceParts(value, partOf(value.constructor?.name ?? ""));
}

function instanceParts(value: object, className: Part): Part[] {
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") return ["json", className, partOf((value as { toJSON(): unknown }).toJSON())];
  const properties = propertiesOf(value);
  if (properties.length > 0) return ["class", className, ...properties];
  throw new Incomparable(`an instance of ${value.constructor?.name || "a class"} shows no data to compare.`);
}

function propertiesOf(value: object): Part[] {
  const keys = Object.keys(value).sort();
  return keys.flatMap((key) => [partOf(key), partOf((value as Record<string, unknown>)[key])]);
}

function textOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("base64");
}
