import { isInstance } from "./hostile.js";
import { messageOf } from "./message.js";
import { Obstacle, pathOf } from "./obstacle.js";
import { partOf, partsOf, type Part } from "./parts.js";

/** Something in a value that nothing else can be found equal to; `reason` goes on from what it is. */
export class Incomparable extends Error {
  constructor(
    readonly reason: string,
    /** Where it is in the value, as `rows[3].fn`; "" for the value itself. */
    readonly path = "",
  ) {
    super(`${path === "" ? "The value" : `"${path}"`} ${reason}.`);
  }
}

/** An object that is being written. */
interface Frame {
  readonly value: object;
  /** Objects among them are replaced by text, from the first part to the last. */
  readonly parts: Part[];
  next: number;
  readonly number: number;
}

/** Structures up to this length that hold no objects of any length are written where they stand. */
const SHORT = 100;
/** What databases and hashes do not keep apart: zeros, and halves of surrogate pairs. Whole pairs are let in for speed. */
const UNSAFE = /[\0\ud800-\udfff]/;
const NO_CLASSES: ReadonlySet<object> = new Set();

/**
 * Text that is the same for values of the same structure, and for no others: records by their keys in any order, lists,
 * `Map`s and `Set`s in theirs; dates, typed arrays, errors, bigints, `-0`, `NaN`, `undefined`, holes and circles included.
 * Instances count as their class and their own properties; those of the classes in `json` as what their `toJSON` gives. The
 * text is well-formed, and without zeros.
 *
 * Each structure is written once and then named by a number, so that objects count by what they are, and those met again
 * cost nothing. In a value that contains itself they count by which they are. Cost: O(size of the value), without
 * recursion.
 * @param json - the prototypes of classes
 * @throws {Incomparable} naming the path of what has no value, or may hold more than it shows
 */
export function structuralKey(value: unknown, json = NO_CLASSES): string {
  const root = rootOf(value);
  const text = typeof root === "string" ? root : textOf(root, json);
  return UNSAFE.test(text) ? `'${JSON.stringify(text)}` : text;
}

function rootOf(value: unknown): Part {
  try {
    return partOf(value);
  } catch (error) {
    throw incomparable(error, []);
  }
}

function textOf(root: object, json: ReadonlySet<object>): string {
  const writer = new Writer(false, json);
  return writer.write(root) ?? `~${new Writer(true, json).write(root)}`;
}

class Writer {
  /** The structures found so far, in terms of each other. */
  private readonly structures: string[] = [];
  private readonly numbers = new Map<string, number>();
  /** The names of objects; undefined while their structure is not known. */
  private readonly names = new Map<object, string | undefined>();
  private readonly stack: Frame[] = [];

  constructor(
    private readonly byIdentity: boolean,
    private readonly json: ReadonlySet<object>,
  ) {}

  /** Undefined when structures can't be told apart because the value contains itself. */
  write(root: object): string | undefined {
    this.open(root, this.look(root));
    for (let frame = this.stack.at(-1); frame !== undefined; frame = this.stack.at(-1)) {
      const { parts } = frame;
      while (frame.next < parts.length && typeof parts[frame.next] === "string") frame.next++;
      if (frame.next === parts.length) {
        this.close(frame);
        continue;
      }
      const part = parts[frame.next] as object;
      if (!this.names.has(part)) {
        const inner = this.look(part);
        const text = shortText(inner);
        if (text === undefined) this.open(part, inner);
        else parts[frame.next] = text;
        continue;
      }
      const name = this.names.get(part);
      if (name === undefined) return undefined;
      parts[frame.next] = name;
    }
    return this.structures.join(";");
  }

  private look(value: object): Part[] {
    try {
      return partsOf(value, this.json);
    } catch (error) {
      throw incomparable(error, [...this.stack.map((frame) => frame.value), value]);
    }
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

function shortText(parts: readonly Part[]): string | undefined {
  let text = "(";
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    if (typeof part !== "string" || text.length + part.length > SHORT) return undefined;
    text += i === 0 ? part : `,${part}`;
  }
  return `${text})`;
}

/** @param objects - those on the way to what can't be compared, each a part of the one before */
function incomparable(error: unknown, objects: readonly object[]): Incomparable {
  if (isInstance(error, Obstacle)) return new Incomparable(error.reason, pathOf(objects, error.part));
  return new Incomparable(`can't be read: ${messageOf(error)}`, pathOf(objects, undefined));
}
