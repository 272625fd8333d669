/** Reads and limits the memory of a WebAssembly module, whose binary form engines don't tell about. */

export const PAGE = 65_536;

/** The memory that a module imports. */
export interface MemoryImport {
  readonly module: string;
  readonly name: string;
  /** In pages. */
  readonly initial: number;
  readonly maximum: number;
}

/** A module whose memory can't grow beyond a limit. */
export interface LimitedModule {
  readonly bytes: Uint8Array;
  /** Undefined if it has a memory of its own, or none. */
  readonly memory: MemoryImport | undefined;
}

/** Thrown for a module whose memory can't be limited. The message is a clause about the module. */
export class UnlimitedMemory extends Error {}

const IMPORTS = 2;
const MEMORIES = 5;
const HEADER = 8;

/**
 * The same module with a maximum for its memory.
 * @param bytes - of a valid module
 * @param pages - the maximum
 * @throws {UnlimitedMemory} when it needs more at once, or has a memory of another kind
 */
export function limitMemory(bytes: Uint8Array, pages: number): LimitedModule {
  const reader = new Reader(bytes, HEADER);
  let memory: MemoryImport | undefined;
  const parts: Uint8Array[] = [bytes.subarray(0, HEADER)];
  while (!reader.isAtEnd) {
    const start = reader.at;
    const id = reader.byte();
    const size = reader.number();
    const end = reader.at + size;
    if (id === IMPORTS) memory = importedMemory(reader, pages);
    parts.push(id === MEMORIES ? memorySection(reader, pages) : bytes.subarray(start, end));
    reader.at = end;
  }
  return { bytes: Buffer.concat(parts), memory };
}

function memorySection(reader: Reader, pages: number): Uint8Array {
  const count = reader.number();
  const content: number[] = [...leb(count)];
  for (let i = 0; i < count; i++) {
    const { initial, maximum } = reader.limits(pages);
    content.push(1, ...leb(initial), ...leb(maximum));
  }
  return Uint8Array.from([MEMORIES, ...leb(content.length), ...content]);
}

function importedMemory(reader: Reader, pages: number): MemoryImport | undefined {
  let memory: MemoryImport | undefined;
  for (let left = reader.number(); left > 0; left--) {
    const module = reader.text();
    const name = reader.text();
    const kind = reader.byte();
    if (kind === 0) reader.number();
    else if (kind === 1) reader.skipTable();
    else if (kind === 2) memory = { module, name, ...reader.limits(pages) };
    else if (kind === 3) reader.at += 2;
    else reader.skipTag();
  }
  return memory;
}

class Reader {
  constructor(
    private readonly bytes: Uint8Array,
    public at: number,
  ) {}

  get isAtEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    return this.bytes[this.at++];
  }

  /** An unsigned LEB128. */
  number(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.byte();
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  }

  text(): string {
    const size = this.number();
    const text = Buffer.from(this.bytes.buffer, this.bytes.byteOffset + this.at, size).toString("utf8");
    this.at += size;
    return text;
  }

  /** The limits of a memory, of which the maximum is at most `pages`. */
  limits(pages: number): { readonly initial: number; readonly maximum: number } {
    const flags = this.byte();
    if (flags > 1)
      throw new UnlimitedMemory("has a memory that is shared or of 64 bits, which a sandbox does not have");
    const initial = this.number();
    const maximum = flags === 1 ? this.number() : Infinity;
    if (initial > pages) {
      const sizes = `${initial * PAGE} bytes of memory, more than "memoryLimit" of ${pages * PAGE}`;
      throw new UnlimitedMemory(`begins with ${sizes}`);
    }
    return { initial, maximum: Math.min(maximum, pages) };
  }

  skipTable(): void {
    this.at++;
    const flags = this.byte();
    this.number();
    if ((flags & 1) === 1) this.number();
  }

  skipTag(): void {
    this.at++;
    this.number();
  }
}

function leb(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) + 128);
  }
}
