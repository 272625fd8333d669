import {
  checkDuration,
  checkNonEmptyString,
  checkOptions,
  label,
  oneOf,
  show,
  type OptionName,
  type Rules,
} from "../base/check.js";
import { cores } from "../base/cores.js";
import { asSentence, messageOf } from "../base/message.js";
import { suggestion } from "../base/nearest.js";
import { MAX_TIMEOUT } from "../base/timer.js";
import { failedAt, siteOf } from "../definition/specs/call-site.js";
import { BackendError, NodeTimeoutError, type Backend, type BackendCall, type NodeSpec } from "../index.js";
import { NotPlain, plainJson } from "../base/plain-json.js";
import { compile, MOST_BYTES, type Compiled } from "./compiled.js";
import { PAGE } from "./module-memory.js";
import { Interrupted, Sandbox } from "./sandbox.js";
import { Module } from "./web-assembly.js";
import type { SandboxAnswer, SandboxCall } from "./wasm-protocol.js";

/** How values get into a module, and out of it. */
export type WasmConvention = "json" | "bytes" | "numbers";

/** The options of {@link wasm}. */
export interface WasmOptions {
  /** The function to call. @defaultValue "run"; with `bytes`, "process" */
  export?: string | undefined;
  /**
   * `json`: a buffer with the JSON of the input, or of a record of several, gives a buffer with the JSON of the result.
   * `bytes`: the same with a `Uint8Array`. `numbers`: numbers as arguments give a number.
   * @defaultValue "json"
   */
  convention?: WasmConvention | undefined;
  /** The most memory that an instance may have: bytes, or text as "64MiB". @defaultValue "64MiB" */
  memoryLimit?: number | string | undefined;
  /** How long a call may take, in ms. @defaultValue 1000 */
  timeout?: number | undefined;
}

const TIMEOUT = 1000;
const MEMORY = "64MiB";
const UNITS: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

const RULES: Rules<WasmOptions> = {
  export: checkNonEmptyString,
  convention: oneOf(["json", "bytes", "numbers"]),
  memoryLimit: (option, limit) => void bytesIn(option, limit),
  timeout: (option, timeout) => checkDuration(option, timeout, 1, MAX_TIMEOUT),
};

/**
 * A backend that calls a function of a WebAssembly module in a sandbox: on a worker thread, an instance for each call,
 * without imports but for memory. The module is compiled once. A loop without end is stopped by the timeout, as a
 * `NodeTimeoutError`, while other nodes go on. What a module does wrong is a `BackendError`.
 *
 * Modules, inputs and outputs may have 16 MiB.
 * @param source - a file, its URL, or its bytes
 * @throws {TypeError} | {RangeError} for what is no module, one that is too large, and an unusable option
 */
export function wasm(source: string | URL | Uint8Array | ArrayBuffer, options: WasmOptions = {}): Backend {
  checkOptions(options, RULES, "wasm");
  return new WasmBackend(compile(source, bytesIn({ path: "memoryLimit" }, options.memoryLimit ?? MEMORY)), options);
}

class WasmBackend implements Backend {
  readonly name = "wasm";
  readonly limit = cores();
  readonly #sandbox = new Sandbox();
  readonly #compiled: Compiled;
  readonly #function: string;
  readonly #convention: WasmConvention;
  readonly #timeout: number;
  /** What forbids calls. */
  readonly #problem: string | undefined;

  constructor(compiled: Compiled, { export: name, convention = "json", timeout = TIMEOUT }: WasmOptions) {
    this.#compiled = compiled;
    this.#convention = convention;
    this.#function = name ?? (convention === "bytes" ? "process" : "run");
    this.#timeout = timeout;
    this.#problem = compiled.problem ?? missingIn(compiled, convention, this.#function);
  }

  place({ signature: { inputs, rest } }: NodeSpec): true | string {
    if (rest) return "a module takes no rest parameter";
    return (
      this.#convention !== "bytes" || inputs.length <= 1 || 'with the convention "bytes", a module takes one parameter'
    );
  }

  async run(call: BackendCall, signal: AbortSignal): Promise<unknown> {
    const convention = this.#convention;
    if (this.#problem !== undefined) throw failure(call, this.#problem);
    const input = convention === "numbers" ? numbersIn(call) : convention === "json" ? jsonIn(call) : bytesFrom(call);
    if (convention === "bytes" && input.length === 0) return new Uint8Array(0);
    if (input instanceof Uint8Array && input.byteLength > MOST_BYTES) {
      throw failure(
        call,
        `was not called: its input has ${input.byteLength} bytes, more than the limit of ${MOST_BYTES}`,
      );
    }
    const { module, memory } = this.#compiled;
    const sent: SandboxCall = { module, memory, name: this.#function, input, most: MOST_BYTES };
    const answer = await this.answerTo(call, sent, signal);
    if ("problem" in answer) throw failure(call, answer.problem);
    if ("trap" in answer)
      throw failure(
        call,
        `stopped: ${answer.message}`,
        Object.assign(new Error(answer.message), { name: answer.trap }),
      );
    return convention === "json" ? resultIn(answer.result as Uint8Array, call) : answer.result;
  }

  async close(): Promise<void> {
    await this.#sandbox.close();
  }

  private async answerTo(call: BackendCall, sent: SandboxCall, signal: AbortSignal): Promise<SandboxAnswer> {
    const timeout = this.#timeout;
    const transfer = this.#convention === "json" ? [(sent.input as Uint8Array).buffer as ArrayBuffer] : [];
    try {
      return await this.#sandbox.call(sent, timeout, signal, transfer);
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      if (error.how === "aborted") throw error.cause;
      if (error.how === "slow start")
        throw failure(call, `did not start within its timeout of ${timeout} ms: its start function does not end`);
      if (error.how === "lost") throw failure(call, `was lost: ${messageOf(error.cause)}`, error.cause, true);
      const { site } = call;
      const message = `Node "${failedAt(site)}" took longer than the timeout of ${timeout} ms of its module. Raise it, or find out what takes so long.`;
      throw new NodeTimeoutError(message, site);
    }
  }
}

/** The signatures of the functions that a convention asks for. */
function signaturesOf(convention: WasmConvention, name: string): Readonly<Record<string, string>> {
  if (convention === "numbers") return { [name]: `${name}(…numbers) -> number` };
  return {
    allocate: "allocate(size: i32) -> ptr: i32",
    deallocate: "deallocate(ptr: i32, size: i32)",
    [name]: `${name}(ptr: i32, size: i32, outSizePtr: i32) -> ptr: i32`,
  };
}

function missingIn({ module, memory }: Compiled, convention: WasmConvention, name: string): string | undefined {
  const exports = Module.exports(module);
  const has = (kind: string, wanted: string) => exports.some((found) => found.kind === kind && found.name === wanted);
  const missing = Object.entries(signaturesOf(convention, name)).flatMap(([wanted, signature]) =>
    has("function", wanted) ? [] : signature,
  );
  if (convention !== "numbers" && memory === undefined && !has("memory", "memory")) missing.unshift("memory, a memory");
  if (missing.length === 0) return undefined;
  const hint = suggestion(
    name,
    exports.filter(({ kind }) => kind === "function").map((found) => found.name),
  );
  return `lacks exports that the convention "${convention}" takes: ${missing.join("; ")}.${has("function", name) ? "" : hint}`;
}

function jsonIn(call: BackendCall): Uint8Array {
  const entries = Object.entries(call.inputs);
  const single = call.node.signature.inputs.length === 1;
  try {
    const text = single
      ? plainJson(entries[0]?.[1], `inputs.${entries[0]?.[0]}`)
      : plainJson(Object.fromEntries(entries.filter(([, value]) => value !== undefined)), "inputs");
    return new TextEncoder().encode(text);
  } catch (error) {
    if (!(error instanceof NotPlain)) throw error;
    throw failure(call, `was not called: ${error.clause}. Pass plain data`);
  }
}

function bytesFrom(call: BackendCall): Uint8Array {
  const [entry] = Object.entries(call.inputs);
  const [name, value] = entry ?? ["", new Uint8Array(0)];
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  throw failure(
    call,
    `was not called: inputs.${name} must be bytes, a Uint8Array or an ArrayBuffer; received ${show(value)}`,
  );
}

function numbersIn(call: BackendCall): (number | bigint)[] {
  return Object.entries(call.inputs).map(([name, value]) => {
    if (typeof value === "number" || typeof value === "bigint") return value;
    throw failure(
      call,
      `was not called: inputs.${name} must be a number, or a big integer for an i64; received ${show(value)}`,
    );
  });
}

function resultIn(bytes: Uint8Array, call: BackendCall): unknown {
  if (bytes.length === 0) return undefined;
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as unknown;
  } catch (cause) {
    throw failure(call, `gave ${bytes.length} bytes that are not JSON`, cause);
  }
}

/** @param what - a clause about the module */
function failure(call: BackendCall, what: string, cause?: unknown, retryable = cause !== undefined): BackendError {
  const site = siteOf(call.site, cause);
  return new BackendError(`The module of node "${failedAt(site)}" ${asSentence(what)}`, site, { retryable });
}

function bytesIn(option: OptionName, limit: unknown): number {
  const [, count, unit] = typeof limit === "string" ? (/^(\d+) ?(B|KiB|MiB|GiB)$/u.exec(limit) ?? []) : [];
  const bytes = typeof limit === "number" ? limit : Number(count) * UNITS[unit];
  if (Number.isInteger(bytes) && bytes >= PAGE && bytes <= 4 * UNITS.GiB) return bytes;
  throw new RangeError(
    `${label(option)} must be a number of bytes, or text as "64MiB", from 64KiB to 4GiB; received ${show(limit)}.`,
  );
}
