import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { BackendError, Dag, NodeTimeoutError, type Backend } from "dagwright";
import { wasm, type WasmOptions } from "dagwright/backends";
import { backendContract } from "../contracts/backend.contract.js";
import { assembled, builtModule, moduleFile, moduleNames } from "../support/modules.js";
import { repertoire } from "../support/repertoire.js";

const MIB = 2 ** 20;
const made: Backend[] = [];
afterAll(() => Promise.all(made.map((backend) => backend.close?.())));

function sandbox(source: Parameters<typeof wasm>[0], options: WasmOptions = {}): Backend {
  const backend = wasm(source, options);
  made.push(backend);
  return backend;
}

const buffers = (name: string, options: WasmOptions = {}) =>
  sandbox(moduleFile("buffers"), { export: name, timeout: 10_000, ...options });

/** Calls a module with one input, or several. */
async function callOf(backend: Backend, inputs: Record<string, unknown> = { value: "abc" }) {
  const dag = new Dag("sandboxed");
  dag.node("ask", { backend, params: Object.keys(inputs) });
  const run = await dag.run({ mode: "hybrid", inputs, errorStrategy: "continue" });
  return { value: run.get("ask") as unknown, error: run.nodes.get("ask")?.error };
}

async function problemOf(backend: Backend, inputs?: Record<string, unknown>): Promise<string> {
  const { error } = await callOf(backend, inputs);
  expect(error).toBeInstanceOf(BackendError);
  expect(error).toMatchObject({ code: "BACKEND", node: "ask", attempt: 1 });
  return error?.message ?? "";
}

backendContract({
  backend: "wasm",
  options: { mode: "hybrid" },
  dag: repertoire(new Dag("sandboxed"), {
    echo: buffers("run"),
    fails: buffers("fails"),
    hangs: buffers("hangs", { timeout: 60_000 }),
  }),
  failure: { name: "BackendError", code: "BACKEND", cause: { name: "RuntimeError", message: "unreachable" } },
});

describe("A module", () => {
  it.each(moduleNames())("%s of the fixtures is what its text form says", async (name) => {
    expect(Buffer.from(await builtModule(name)).equals(readFileSync(moduleFile(name)))).toBe(true);
  });

  it("takes the JSON of one input, or of a record of several, by name", async () => {
    expect((await callOf(buffers("run"), { value: { a: [1] } })).value).toEqual({ a: [1] });
    expect((await callOf(buffers("run"), { a: 1, b: "x" })).value).toEqual({ a: 1, b: "x" });
    expect((await callOf(buffers("run"), {})).value).toEqual({});
    expect((await callOf(buffers("nothing"))).value).toBeUndefined();
    expect(await problemOf(buffers("run"), { value: new Date(0) })).toContain("inputs.value is an object (Date)");
    expect(await problemOf(buffers("text"))).toContain("gave 1 bytes that are not JSON");
  });

  it("takes and gives bytes", async () => {
    const bytes = sandbox(moduleFile("buffers"), { convention: "bytes" });
    const value = Uint8Array.from([1, 2, 0, 255]);
    expect((await callOf(bytes, { value })).value).toEqual(value);
    expect(value.byteLength).toBe(4);
    expect((await callOf(bytes, { value: value.subarray(1, 3) })).value).toEqual(Uint8Array.from([2, 0]));
    expect((await callOf(bytes, { value: value.buffer })).value).toEqual(value);
    expect((await callOf(bytes, { value: new Uint8Array(0) })).value).toEqual(new Uint8Array(0));
    const dropsFirst = buffers("in_place", { convention: "bytes" });
    expect((await callOf(dropsFirst, { value })).value).toEqual(value.subarray(1));
    expect(await problemOf(bytes, { value: "text" })).toContain(
      'inputs.value must be bytes, a Uint8Array or an ArrayBuffer; received "text"',
    );
    await expect(callOf(bytes, { a: value, b: value })).rejects.toThrow(
      'with the convention "bytes", a module takes one parameter',
    );
  });

  it("takes and gives numbers", async () => {
    const numbers = (name?: string) => sandbox(moduleFile("numbers"), { convention: "numbers", export: name });
    expect((await callOf(numbers(), { a: 1.5, b: 2 })).value).toBe(3.5);
    expect((await callOf(numbers("big"), { n: 2n ** 40n })).value).toBe(2n ** 41n);
    expect((await callOf(numbers("pair"), { n: 3 })).value).toEqual([3, 7]);
    expect((await callOf(numbers("nothing"), {})).value).toBeUndefined();
    expect(await problemOf(numbers(), { a: "1", b: 2 })).toContain(
      'inputs.a must be a number, or a big integer for an i64; received "1"',
    );
    expect(await problemOf(numbers("divide"), { a: 1, b: 0 })).toContain("stopped: divide by zero");
    expect(await problemOf(numbers("big"), { n: 5 })).toContain("stopped: Cannot convert 5 to a BigInt");
  });

  it("is an instance of its own in each call", async () => {
    const counts = buffers("counts");
    expect([(await callOf(counts)).value, (await callOf(counts)).value]).toEqual([1, 1]);
  });

  it("comes from a file, its URL, or bytes, and takes a memory from the host", async () => {
    const file = moduleFile("imported-memory");
    for (const source of [file, pathToFileURL(file), readFileSync(file)]) {
      expect((await callOf(sandbox(source))).value).toBe("abc");
    }
  });

  it("frees each buffer once, with its size", async () => {
    expect((await callOf(sandbox(moduleFile("freed")))).value).toBe("abc");
    expect((await callOf(sandbox(moduleFile("freed"), { export: "in_place" }))).value).toBe("abc");
  });

  it("is stopped at its timeout, while other nodes go on", async () => {
    const dag = new Dag("stopped");
    dag.node("hangs", { backend: buffers("hangs", { timeout: 100 }), params: ["value"] });
    dag.node("other", { backend: buffers("run"), params: ["value"] });
    dag.node("here", () => "here");
    const run = await dag.run({ mode: "hybrid", inputs: { value: 1 }, errorStrategy: "continue" });
    expect(run.nodes.get("hangs")?.error).toBeInstanceOf(NodeTimeoutError);
    expect(run.nodes.get("hangs")?.error?.message).toContain("took longer than the timeout of 100 ms of its module");
    expect([run.get("other"), run.get("here")]).toEqual([1, "here"]);
    const start = sandbox(moduleFile("starts"), { convention: "numbers", timeout: 100 });
    expect(await problemOf(start, {})).toContain(
      "did not start within its timeout of 100 ms: its start function does not end",
    );
  });

  it("has no more memory than its limit", async () => {
    expect((await callOf(buffers("grows"))).value).toBe(24); // 1024 pages.
    expect((await callOf(buffers("grows", { memoryLimit: "1MiB" }))).value).toBe(16);
    expect((await callOf(buffers("grows", { memoryLimit: 800_000 }))).value).toBe(12);
    expect(() => buffers("run", { memoryLimit: "64KiB" })).toThrow(
      'begins with 131072 bytes of memory, more than "memoryLimit" of 65536',
    );
    const large = "x".repeat(2 * MIB);
    expect(await problemOf(buffers("run", { memoryLimit: "2MiB" }), { value: large })).toContain(
      "has no memory for 2097154 bytes: its allocate gave a null pointer",
    );
  });

  it.each([
    ["null", "gave a null pointer for an output of 5 bytes"],
    ["outside", "gave an output of 9 bytes at 131064, outside of its memory of 131072 bytes"],
    ["lies", "gave an output of 4294967295 bytes, more than the limit of 16777216"],
    ["overlaps", "gave an output that overlaps what it was given, other than in its place"],
    ["longer", "gave an output that overlaps what it was given, other than in its place"],
    ["fails", "stopped: unreachable"],
  ])("that breaks its rules by %s fails, and leaves the process unharmed", async (name, message) => {
    expect(await problemOf(buffers(name))).toContain(`The module of node "ask" ${message}`);
  });

  it("that lacks exports is told of them with their signatures, and of imports that it may not have", async () => {
    const name = (options: WasmOptions) => problemOf(sandbox(moduleFile("numbers"), options));
    expect(await name({})).toContain(
      'lacks exports that the convention "json" takes: memory, a memory; allocate(size: i32) -> ptr: i32; deallocate(ptr: i32, size: i32).',
    );
    expect(await name({ convention: "bytes" })).toContain("process(ptr: i32, size: i32, outSizePtr: i32) -> ptr: i32");
    expect(await name({ convention: "numbers", export: "devide" })).toContain(
      'devide(…numbers) -> number. Did you mean "divide"?',
    );
    expect(await problemOf(sandbox(moduleFile("allocators")))).toContain("its allocate gave a null pointer");
    expect(await problemOf(sandbox(moduleFile("imports"), { convention: "numbers" }))).toContain(
      "imports env.print (a function), but a sandbox gives nothing but memory",
    );
  });

  it("may have 16 MiB, and not a byte more", async () => {
    const small = await assembled('(module (func (export "run") (result i32) (i32.const 7)))');
    const padded = (size: number) => {
      const bytes = new Uint8Array(size);
      bytes.set(small);
      const content = size - small.length - 5;
      // A custom section of that size, with an empty name.
      bytes.set(
        [0, ...[0, 7, 14, 21].map((shift) => ((content >> shift) & 127) | (shift < 21 ? 128 : 0))],
        small.length,
      );
      return bytes;
    };
    expect((await callOf(sandbox(padded(16 * MIB), { convention: "numbers" }), {})).value).toBe(7);
    expect(() => wasm(padded(16 * MIB + 1))).toThrow(
      "A module of wasm may have 16777216 bytes; the one given as bytes has 16777217.",
    );
  });

  it("may take and give 16 MiB, and not a byte more", async () => {
    const bytes = sandbox(moduleFile("buffers"), { convention: "bytes", timeout: 60_000 });
    const value = new Uint8Array(16 * MIB).fill(7);
    const echo = (await callOf(bytes, { value })).value as Uint8Array;
    expect(Buffer.from(echo.buffer).equals(Buffer.from(value.buffer))).toBe(true);
    expect(await problemOf(bytes, { value: new Uint8Array(16 * MIB + 1) })).toContain(
      "its input has 16777217 bytes, more than the limit of 16777216",
    );
  });

  it.each<[unknown, object, string]>([
    ["none.wasm", {}, "The module of wasm can't be read: ENOENT"],
    ["", {}, "wasm takes the path of a file"],
    [new URL("https://host/x.wasm"), {}, "received https://host/x.wasm"],
    [5, {}, "received 5"],
    [new Uint8Array(3), {}, "the one given as bytes is no WebAssembly module"],
    [moduleFile("numbers"), { convention: "text" }, '"convention" must be one of "json", "bytes", "numbers"'],
    [moduleFile("numbers"), { memoryLimit: "64MB" }, '"memoryLimit" must be a number of bytes, or text as "64MiB"'],
    [moduleFile("numbers"), { memoryLimit: 5 }, "from 64KiB to 4GiB; received 5"],
    [moduleFile("numbers"), { timeout: 0 }, '"timeout" must be a number of milliseconds'],
    [moduleFile("numbers"), { fuel: 5 }, "fuel"],
  ])("of %s with %o is refused at once", (source, options, message) => {
    expect(() => wasm(source as string, options)).toThrow(message);
  });
});
