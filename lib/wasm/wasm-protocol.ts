import type { WasmModule } from "./web-assembly.js";
import type { MemoryImport } from "./module-memory.js";

/** What the thread of a sandbox is asked for: one call of a fresh instance. */
export interface SandboxCall {
  readonly module: WasmModule;
  readonly memory: MemoryImport | undefined;
  readonly name: string;
  /** Bytes, for a function that takes and gives buffers; numbers as arguments. */
  readonly input: Uint8Array | readonly (number | bigint)[];
  /** The maximum size of an output, in bytes. */
  readonly most: number;
}

/** Sent when the thread can take calls. */
export const READY = "ready";

/** Sent when the instance is there, and its function is called. */
export const CALLED = "called";

/** The answer to a call. */
export type SandboxAnswer =
  { readonly result: unknown } | { readonly problem: string } | { readonly trap: string; readonly message: string };
