/** The code of docs/backends.md in other languages, built with what is installed, and called. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { BackendError, Dag, type Backend } from "dagwright";
import { rpc, wasm } from "dagwright/backends";
import { freePort } from "../support/free-port.js";
import { blockOf, PAGES, type Page } from "../support/pages.js";

const page = PAGES.find(({ path }) => path === "docs/backends.md") as Page;
const folder = mkdtempSync(join(tmpdir(), "dagwright-languages-"));
const servers: ChildProcess[] = [];
const backends: Backend[] = [];
afterAll(async () => {
  await Promise.all(backends.map((backend) => backend.close?.()));
  for (const server of servers.filter(({ exitCode }) => exitCode === null)) {
    const ended = once(server, "exit");
    server.kill("SIGKILL");
    await ended;
  }
  rmSync(folder, { recursive: true });
});

/** Writes the code of a language to a file; returns its path. */
function write(file: string, language: string, change = (code: string) => code): string {
  const path = join(folder, file);
  const code = blockOf(page, language);
  expect(code).not.toBe("");
  writeFileSync(path, change(code));
  return path;
}

/** Runs a program to its end, without warnings. @returns what it prints */
function run(program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: folder, encoding: "utf8" });
  expect({ program, status, stderr }).toEqual({ program, status: 0, stderr: "" });
  return stdout;
}

/** Whether a program is installed, and does what it is asked to do with an empty file. */
const can = (program: string, ...args: string[]) => spawnSync(program, args, { cwd: folder, input: "" }).status === 0;

/** Defines a spec that needs a program. Without it, defines a skipped one that says so. */
function withProgram(isThere: boolean, what: string, title: string, spec: () => Promise<void> | void): void {
  if (isThere) it(title, spec);
  else it.skip(`${title}: no ${what} on the path`, () => {});
}

/** Calls a backend with one input. A server that does not listen yet is asked again. */
async function callOf(backend: Backend, input: Record<string, unknown>) {
  backends.push(backend);
  const dag = new Dag("languages");
  const retry = { retries: 500, delay: 20 };
  dag.node("ask", { backend, params: Object.keys(input), retry });
  const result = await dag.run({ mode: "hybrid", inputs: input, errorStrategy: "continue" });
  return { value: result.get("ask") as unknown, error: result.nodes.get("ask")?.error };
}

const bytes = (text: string) => ({ value: new TextEncoder().encode(text) });
const module = (file: string) => wasm(join(folder, file), { convention: "bytes", timeout: 10_000 });

/** As many bytes as make a module ask for more memory. */
const LARGE = 2 ** 18;

async function expectServer(program: string, args: string[], port: number, refused: unknown): Promise<void> {
  servers.push(spawn(program, args, { cwd: folder, stdio: "ignore" }));
  const url = `http://127.0.0.1:${port}/tax`;
  expect(await callOf(rpc(url), { order: { total: 100 } })).toEqual({ value: 20, error: undefined });
  const { error } = await callOf(rpc(url), { order: refused });
  expect(error).toBeInstanceOf(BackendError);
  expect(error).toMatchObject({ rpcCode: "invalid_argument", status: 400, attempt: 1 });
}

describe("A server of docs/backends.md", () => {
  withProgram(can("python3", "--version"), "python3", "in Python answers rpc", async () => {
    const port = await freePort();
    const file = write("tax.py", "py", (code) => code.replace("4001", String(port)));
    await expectServer("python3", [file], port, { total: -1 });
  });

  withProgram(can("go", "version"), "go", "in Go is formatted and vetted, and answers rpc", async () => {
    const port = await freePort();
    const file = write("tax.go", "go", (code) => code.replace("4001", String(port)));
    expect(run("gofmt", "-d", file)).toBe("");
    run("go", "vet", file);
    run("go", "build", "-o", "tax", file);
    await expectServer(join(folder, "tax"), [], port, { total: "much" });
  });
});

describe("A module of docs/backends.md", () => {
  const clang = "--target=wasm32 -nostdlib -O2 -Wl,--no-entry -Wall -Werror".split(" ");
  const hasClang = can("clang", ...clang, "-x", "c", "-o", "empty.wasm", "-");
  withProgram(hasClang, "clang and wasm-ld", "in C reverses bytes", async () => {
    run("clang", ...clang, "-o", "reverse.wasm", write("reverse.c", "c"));
    expect((await callOf(module("reverse.wasm"), bytes("abcde"))).value).toEqual(bytes("edcba").value);
    expect((await callOf(module("reverse.wasm"), bytes("ab"))).value).toEqual(bytes("ba").value);
    const value = new Uint8Array(LARGE).fill(1);
    expect((await callOf(module("reverse.wasm"), { value })).value).toEqual(value);
    const small = wasm(join(folder, "reverse.wasm"), { convention: "bytes", memoryLimit: LARGE });
    expect((await callOf(small, { value })).error?.message).toContain("its allocate gave a null pointer");
  });

  withProgram(can("gcc", "--version"), "gcc", "in C is C, for a compiler without WebAssembly", () => {
    const memory = ["-D__builtin_wasm_memory_size(m)=0", "-D__builtin_wasm_memory_grow(m,n)=0"];
    run("gcc", "-fsyntax-only", "-std=c99", "-Wall", "-Werror", "-Wno-attributes", ...memory, write("native.c", "c"));
  });

  const rust = ["--edition", "2024", "--crate-type", "cdylib", "-D", "warnings"];
  const hasRust = can("rustc", ...rust, "--emit", "metadata", "-");
  withProgram(hasRust, "rustc with the edition 2024", "in Rust is a library without warnings", () => {
    run("rustc", ...rust, "--emit", "metadata", write("native.rs", "rust"));
  });
  withProgram(can("rustfmt", "--edition", "2024"), "rustfmt", "in Rust is formatted", () => {
    run("rustfmt", "--check", "--edition", "2024", write("formatted.rs", "rust"));
  });

  const target = ["--target", "wasm32-unknown-unknown"];
  const hasTarget = can("rustc", ...rust, ...target, "-o", "empty.wasm", "-");
  withProgram(hasTarget, `rustc with the ${target.join(" ").slice(2)}`, "in Rust makes bytes upper case", async () => {
    run("rustc", ...rust, ...target, "-O", "-o", "upper.wasm", write("upper.rs", "rust"));
    expect((await callOf(module("upper.wasm"), bytes("abc"))).value).toEqual(bytes("ABC").value);
    const value = new Uint8Array(LARGE).fill(97);
    expect((await callOf(module("upper.wasm"), { value })).value).toEqual(new Uint8Array(LARGE).fill(65));
  });

  withProgram(can("asc", "--version"), "asc", "in AssemblyScript adds bytes", async () => {
    write("sum.ts", "text");
    run("asc", "sum.ts", "--runtime", "stub", "--use", "abort=", "-o", "sum.wasm");
    expect((await callOf(module("sum.wasm"), bytes("\x01\x02\x03"))).value).toEqual(Uint8Array.from([6]));
    const value = new Uint8Array(LARGE).fill(1);
    expect((await callOf(module("sum.wasm"), { value })).value).toEqual(Uint8Array.from([LARGE % 256]));
  });
});
