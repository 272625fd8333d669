import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { show } from "../base/check.js";
import { messageOf } from "../base/message.js";
import { Module, type WasmModule } from "./web-assembly.js";
import { limitMemory, PAGE, UnlimitedMemory, type LimitedModule } from "./module-memory.js";

/** The maximum size of a module, of an input and of an output, in bytes. */
export const MOST_BYTES = 16 * 2 ** 20;

/** A module that is ready for calls. */
export interface Compiled {
  readonly module: WasmModule;
  readonly memory: LimitedModule["memory"];
  /** What forbids calls, as a clause about the module. */
  readonly problem: string | undefined;
}

/** By content and limit, so that a module is compiled once however many nodes have it. */
const known = new Map<string, WeakRef<Compiled>>();

/**
 * The bytes of a module.
 * @throws {TypeError} | {RangeError} for what is none, and a file that is missing or too large
 */
export function bytesOf(source: unknown): Uint8Array {
  const bytes = read(source);
  if (bytes.byteLength > MOST_BYTES) {
    throw new RangeError(`A module of wasm may have ${MOST_BYTES} bytes; ${named(source)} has ${bytes.byteLength}.`);
  }
  return bytes;
}

function read(source: unknown): Uint8Array {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  const isFile = source instanceof URL && source.protocol === "file:";
  if ((typeof source !== "string" || source === "") && !isFile) {
    const received = source instanceof URL ? source.href : show(source);
    throw new TypeError(`wasm takes the path of a file, a file: URL, or the bytes of a module; received ${received}.`);
  }
  try {
    return readFileSync(isFile ? fileURLToPath(source) : source);
  } catch (cause) {
    throw new TypeError(`The module of wasm can't be read: ${messageOf(cause)}.`, { cause });
  }
}

/** Compiles a module. @param memoryLimit - in bytes. @throws {TypeError} when it is not valid */
export function compile(source: unknown, memoryLimit: number): Compiled {
  const bytes = bytesOf(source);
  const key = `${createHash("sha256").update(bytes).digest("hex")} ${memoryLimit}`;
  const found = known.get(key)?.deref();
  if (found !== undefined) return found;
  const compiled = compileNow(bytes, memoryLimit, source);
  known.set(key, new WeakRef(compiled));
  return compiled;
}

function compileNow(bytes: Uint8Array, memoryLimit: number, source: unknown): Compiled {
  try {
    const whole = new Module(bytes);
    const other = Module.imports(whole).filter(({ kind }) => kind !== "memory");
    const problem =
      other.length === 0
        ? undefined
        : `imports ${other.map(({ module, name, kind }) => `${module}.${name} (a ${kind})`).join(", ")}, but a sandbox gives nothing but memory`;
    const { bytes: limited, memory } = limitMemory(bytes, Math.floor(memoryLimit / PAGE));
    return { module: new Module(limited), memory, problem };
  } catch (cause) {
    if (cause instanceof UnlimitedMemory)
      throw new RangeError(`The module of wasm ${cause.message}: ${named(source)}.`);
    throw new TypeError(`${named(source)} is no WebAssembly module: ${messageOf(cause)}.`, { cause });
  }
}

function named(source: unknown): string {
  return typeof source === "string"
    ? `"${source}"`
    : source instanceof URL
      ? `"${source.href}"`
      : "the one given as bytes";
}
