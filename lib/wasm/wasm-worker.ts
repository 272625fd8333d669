/** The thread of a sandbox: makes one call after the other, each on an instance of its own. */
import { parentPort, type MessagePort } from "node:worker_threads";
import { Instance, Memory, type WasmMemory } from "./web-assembly.js";
import { CALLED, READY, type SandboxAnswer, type SandboxCall } from "./wasm-protocol.js";

type Pointer = number;

interface BufferExports {
  readonly memory: WasmMemory;
  readonly allocate: (size: number) => Pointer;
  readonly deallocate: (ptr: Pointer, size: number) => void;
}

/** A module has broken the rules of its convention. The message is a clause about it. */
class Problem extends Error {}

const port = parentPort as MessagePort;

port.on("message", (call: SandboxCall) => {
  let answer: SandboxAnswer;
  try {
    answer = { result: resultOf(call) };
  } catch (error) {
    const { name = "Error", message = "" } = (error ?? {}) as Partial<Error>;
    answer = error instanceof Problem ? { problem: message } : { trap: name, message };
  }
  const isBuffer = "result" in answer && answer.result instanceof Uint8Array;
  port.postMessage(answer, isBuffer ? [(answer as { result: Uint8Array }).result.buffer as ArrayBuffer] : []);
});

port.postMessage(READY);

function resultOf({ module, memory, name, input, most }: SandboxCall): unknown {
  const own = memory && new Memory({ initial: memory.initial, maximum: memory.maximum });
  const imports = memory === undefined ? {} : { [memory.module]: { [memory.name]: own } };
  const { exports } = new Instance(module, imports);
  port.postMessage(CALLED);
  const fn = exports[name] as (...args: (number | bigint)[]) => unknown;
  if (!(input instanceof Uint8Array)) return fn(...input);
  const buffers = { memory: own, ...exports } as unknown as BufferExports;
  return outputOf(buffers, fn as (ptr: Pointer, size: number, out: Pointer) => Pointer, input, most);
}

/** Calls a function that takes a buffer and gives one. Frees all of them, whatever happens. */
function outputOf(
  exports: BufferExports,
  fn: (ptr: Pointer, size: number, out: Pointer) => Pointer,
  input: Uint8Array,
  most: number,
): Uint8Array {
  const { memory } = exports;
  const owned: [ptr: Pointer, size: number][] = [];
  const allocated = (size: number): Pointer => {
    const ptr = exports.allocate(size) >>> 0;
    if (ptr === 0) throw new Problem(`has no memory for ${size} bytes: its allocate gave a null pointer`);
    requireInside(memory, ptr, size, "allocate");
    owned.push([ptr, size]);
    return ptr;
  };
  let isDone = false;
  try {
    const ptr = allocated(input.length);
    const out = allocated(4);
    if (overlap(ptr, input.length, out, 4)) throw new Problem("has an allocate that gave the same memory twice");
    new Uint8Array(memory.buffer).set(input, ptr);
    new DataView(memory.buffer).setUint32(out, 0, true);
    const result = fn(ptr, input.length, out) >>> 0;
    requireInside(memory, out, 4, "allocate");
    const size = new DataView(memory.buffer).getUint32(out, true);
    if (result === 0 && size > 0) throw new Problem(`gave a null pointer for an output of ${size} bytes`);
    if (size > most) throw new Problem(`gave an output of ${size} bytes, more than the limit of ${most}`);
    if (size > 0) {
      requireInside(memory, result, size, "output");
      const isInPlace = result === ptr && size <= input.length;
      if (!isInPlace && (overlap(result, size, ptr, input.length) || overlap(result, size, out, 4))) {
        throw new Problem("gave an output that overlaps what it was given, other than in its place");
      }
      if (result !== ptr) owned.push([result, size]);
    }
    const output = new Uint8Array(memory.buffer).slice(result, result + size);
    isDone = true;
    return output;
  } finally {
    free(exports, owned, isDone);
  }
}

/** @param isDone - if not, another error is on its way */
function free({ deallocate }: BufferExports, owned: readonly [Pointer, number][], isDone: boolean): void {
  let failure: { readonly error: unknown } | undefined;
  for (const [ptr, size] of owned) {
    try {
      deallocate(ptr, size);
    } catch (error) {
      failure ??= { error };
    }
  }
  if (isDone && failure !== undefined) throw failure.error;
}

function requireInside(memory: WasmMemory, ptr: Pointer, size: number, what: string): void {
  const { byteLength } = memory.buffer;
  if (ptr + size <= byteLength) return;
  throw new Problem(`gave an ${what} of ${size} bytes at ${ptr}, outside of its memory of ${byteLength} bytes`);
}

function overlap(a: Pointer, sizeOfA: number, b: Pointer, sizeOfB: number): boolean {
  return a < b + sizeOfB && b < a + sizeOfA;
}
