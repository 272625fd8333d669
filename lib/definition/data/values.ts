import { define } from "../../base/objects.js";
import { tryOr } from "../../base/safe-access.js";
import { memberText } from "../../base/unsupported-value.js";

/**
 * Stands for a value that is not data, such as a function or a schema: the path of its place. `fromJSON` finds the value
 * under that path among its `values`.
 */
export interface ValueReference {
  readonly $value: string;
}

/** Deeper values, and those beyond this number of objects, are references, and refused when they are read. */
const MAX_DEPTH = 200;
const MAX_VALUES = 1_000_000;

/** Writes values as JSON that is read as equal values. What JSON would change is written as a {@link ValueReference}. */
export class DataWriter {
  private count = 0;

  /** @param path - the place of the value; undefined properties are left out. */
  write(value: unknown, path: string): unknown {
    this.count = 0;
    return this.data(value, path, []);
  }

  /** Writes each property of a record, which is data itself. */
  writeRecord(record: object, path: string): Record<string, unknown> {
    const written: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(record)) {
      if (value === undefined) continue;
      define(written, name, this.write(value, path === "" ? name : path + memberText(name)));
    }
    return written;
  }

  private data(value: unknown, path: string, above: readonly object[]): unknown {
    const isSimple = value === null || typeof value === "string" || typeof value === "boolean";
    if (isSimple || (Number.isFinite(value) && !Object.is(value, -0))) return value;
    const isUsable = typeof value === "object" && !above.includes(value) && above.length < MAX_DEPTH;
    if (!isUsable || ++this.count > MAX_VALUES) return reference(path);
    const within = [...above, value];
    if (tryOr(() => isList(value), false)) {
      return (value as unknown[]).map((item, i) => this.data(item, `${path}[${i}]`, within));
    }
    if (!tryOr(() => isRecord(value), false)) return reference(path);
    const record: Record<string, unknown> = {};
    for (const [name, item] of Object.entries(value)) {
      if (item !== undefined) define(record, name, this.data(item, path + memberText(name), within));
    }
    return record;
  }
}

/** Reads what {@link DataWriter} has written. */
export class DataReader {
  private count = 0;

  /** @param report - called for what can't be read */
  constructor(
    private readonly values: Readonly<Record<string, unknown>>,
    private readonly report: (code: string, message: string) => void,
  ) {}

  /** @param path - the place of the value, for messages. Returns undefined, and reports why, if it can't be read. */
  read(json: unknown, path: string): unknown {
    this.count = 0;
    try {
      return this.value(json, path, 0);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      return void this.report("INVALID_FIELD", `"${path}" is nested too deeply, contains itself, or is too large.`);
    }
  }

  private value(json: unknown, path: string, depth: number): unknown {
    if (typeof json !== "object" || json === null) return json;
    if (depth > MAX_DEPTH || ++this.count > MAX_VALUES) throw new Unreadable();
    if (Array.isArray(json)) return json.map((item, i) => this.value(item, `${path}[${i}]`, depth + 1));
    if (isReference(json)) return this.valueOf(json.$value, path);
    const record: Record<string, unknown> = {};
    for (const [name, item] of Object.entries(json))
      define(record, name, this.value(item, path + memberText(name), depth + 1));
    return record;
  }

  private valueOf(name: string, path: string): unknown {
    if (Object.hasOwn(this.values, name)) return this.values[name];
    return void this.report(
      "UNKNOWN_VALUE",
      `"${path}" refers to a value that is not given. Pass { values: { ${JSON.stringify(name)}: … } }.`,
    );
  }
}

/** Ends the reading of a value. */
class Unreadable extends Error {}

function reference(path: string): ValueReference {
  return { $value: path };
}

function isReference(json: object): json is ValueReference {
  return Object.keys(json).length === 1 && typeof (json as Partial<ValueReference>).$value === "string";
}

/** Whether JSON keeps a list: it is an array without holes and other properties. */
function isList(value: object): value is unknown[] {
  if (!Array.isArray(value) || Object.getPrototypeOf(value) !== Array.prototype) return false;
  return Object.keys(value).length === value.length && value.every((item) => item !== undefined);
}

/** Whether JSON keeps a record: it is a plain object of properties that can't be taken for a reference. */
function isRecord(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  if ((prototype !== Object.prototype && prototype !== null) || Object.hasOwn(value, "$value")) return false;
  if (Object.getOwnPropertySymbols(value).length > 0) return false;
  return Object.values(Object.getOwnPropertyDescriptors(value)).every((property) => "value" in property);
}
