import { isInstance } from "./safe-access.js";
import { messageOf } from "./message.js";
import { UnsupportedValue, pathOf } from "./unsupported-value.js";
import { keyPartOf, keyPartsOf, type KeyPart } from "./key-parts.js";

/** Part of a value can't be compared. */
export class Incomparable extends Error {
  constructor(
    /** A clause that follows the path, such as `is function f`. */
    readonly reason: string,
    /** The path of the part, as `rows[3].fn`; "" for the value itself. */
    readonly path = "",
  ) {
    super(`${path === "" ? "The value" : `"${path}"`} ${reason}.`);
  }
}

/** An object whose key is being written. */
interface Frame {
  readonly value: object;
  /** The object's parts; nested objects are replaced by text one by one. */
  readonly parts: KeyPart[];
  next: number;
  readonly number: number;
}

/** Objects without nested objects are written inline up to this length. */
const MAX_INLINE = 100;
/** Characters that databases and hashes may conflate: NUL, and lone surrogates. Matching all surrogates is faster. */
const UNSAFE = /[\0\ud800-\udfff]/;
const NO_CLASSES: ReadonlySet<object> = new Set();

/**
 * A string that is equal for values of equal structure, and only for those. The order of keys does not matter in
 * records, but the order of items does in arrays, `Map`s and `Set`s. Supports dates, typed arrays, errors, bigints,
 * `-0`, `NaN`, `undefined`, holes and circular references. Instances are compared by their class and own properties, or
 * by their `toJSON` if their class is in `json`. The string is well-formed Unicode, without NUL.
 *
 * Each distinct structure is written once, and then referred to by number, so that repeated objects cost nothing. In a
 * circular value, objects are compared by identity instead. Cost: O(size of the value), without recursion.
 * @param json - the prototypes of classes
 * @throws {Incomparable} naming the path of a function, a symbol, or an object that may hold data that can't be read
 */
export function structuralKey(value: unknown, json = NO_CLASSES): string {
  const root = rootOf(value);
  const text = typeof root === "string" ? root : textOf(root, json);
  return UNSAFE.test(text) ? `'${JSON.stringify(text)}` : text;
}

function rootOf(value: unknown): KeyPart {
  try {
    return keyPartOf(value);
  } catch (error) {
    throw incomparable(error, []);
  }
}

function textOf(root: object, json: ReadonlySet<object>): string {
  const writer = new Writer(json, { byIdentity: false });
  return writer.write(root) ?? `~${new Writer(json, { byIdentity: true }).write(root)}`;
}

class Writer {
  /** The structures found so far, which refer to each other by number. */
  private readonly structures: string[] = [];
  private readonly numbers = new Map<string, number>();
  /** References to objects by number; undefined until the structure of the object is known. */
  private readonly references = new Map<object, string | undefined>();
  private readonly stack: Frame[] = [];

  private readonly byIdentity: boolean;

  constructor(
    private readonly json: ReadonlySet<object>,
    { byIdentity }: { readonly byIdentity: boolean },
  ) {
    this.byIdentity = byIdentity;
  }

  /** Undefined for a circular value, unless objects are compared by identity. */
  write(root: object): string | undefined {
    this.open(root, this.partsOf(root));
    for (let frame = this.stack.at(-1); frame !== undefined; frame = this.stack.at(-1)) {
      const { parts } = frame;
      while (frame.next < parts.length && typeof parts[frame.next] === "string") frame.next++;
      if (frame.next === parts.length) {
        this.close(frame);
        continue;
      }
      const part = parts[frame.next] as object;
      if (!this.references.has(part)) {
        const inner = this.partsOf(part);
        const text = inlineText(inner);
        if (text === undefined) this.open(part, inner);
        else parts[frame.next] = text;
        continue;
      }
      const reference = this.references.get(part);
      if (reference === undefined) return undefined;
      parts[frame.next] = reference;
    }
    return this.structures.join(";");
  }

  private partsOf(value: object): KeyPart[] {
    try {
      return keyPartsOf(value, this.json);
    } catch (error) {
      throw incomparable(error, [...this.stack.map((frame) => frame.value), value]);
    }
  }

  private open(value: object, parts: KeyPart[]): void {
    const number = this.byIdentity ? this.structures.push("") - 1 : -1;
    this.references.set(value, this.byIdentity ? `#${number}` : undefined);
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
    this.references.set(value, `#${known}`);
  }
}

function inlineText(parts: readonly KeyPart[]): string | undefined {
  let text = "(";
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    if (typeof part !== "string" || text.length + part.length > MAX_INLINE) return undefined;
    text += i === 0 ? part : `,${part}`;
  }
  return `${text})`;
}

/** @param objects - the objects that lead to the part, each part of the one before */
function incomparable(error: unknown, objects: readonly object[]): Incomparable {
  if (isInstance(error, UnsupportedValue)) return new Incomparable(error.reason, pathOf(objects, error.part));
  return new Incomparable(`can't be read: ${messageOf(error)}`, pathOf(objects, undefined));
}
