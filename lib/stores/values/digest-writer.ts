import { createHash } from "node:crypto";
import type { StoredTypes } from "./stored-types.js";
import type { Place, Step } from "./value-path.js";
import { type Properties, ValueWriter } from "./value-writer.js";

/**
 * Writes the hash of a value. Equal values have equal ones: whatever the order of their properties, and whether parts
 * of them are one object or several that are equal. The order of the items of maps and sets matters.
 *
 * Cost: linear, and no recursion: each object is visited before and after those in it.
 */
export class DigestWriter extends ValueWriter {
  /**
   * By object or long string: its hash or, until that is known, its level, which stands for it in objects inside that
   * refer back to it.
   */
  private readonly texts = new Map<unknown, string>();
  private readonly open = new Set<unknown>();
  private readonly stack: Place[] = [];

  constructor(types: StoredTypes, within?: readonly unknown[]) {
    super(types, "throw", within);
  }

  override write(value: unknown): string {
    this.part(value, "");
    for (let place = this.stack.at(-1); place !== undefined; place = this.stack.at(-1)) this.visit(place);
    this.current = undefined;
    return hashOf(this.part(value, ""));
  }

  private visit(place: Place): void {
    const { stack, texts, open } = this;
    const { value, level } = place;
    const { length } = stack;
    const isOpen = open.has(value);
    if (isOpen || !texts.has(value)) {
      if (!isOpen) texts.set(value, `[${level}]`);
      this.current = place;
      const text = this.entryOf(value);
      if (!isOpen && stack.length > length) return void open.add(value);
      open.delete(value);
      texts.set(value, `["${hashOf(text)}"]`);
    }
    stack.length = length - 1;
  }

  protected override reference(value: unknown, step: Step): string {
    const known = this.texts.get(value);
    if (known !== undefined) return known;
    const { current } = this;
    this.stack.push({ value, parent: current, step, level: current === undefined ? 0 : current.level + 1 });
    return "";
  }

  protected override properties(value: Properties, keys: readonly string[]): string {
    return super.properties(value, Array.from(keys).sort());
  }

  protected override writerWithin(within: readonly unknown[]): ValueWriter {
    return new DigestWriter(this.types, within);
  }
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}
