/**
 * What does a node in a sandbox cost, next to a bare call of an instance on a thread of piscina?
 *
 * Both have the same compiled modules, and make an instance for each call: of one that adds two numbers, and of one that
 * takes JSON and gives it back. One call at a time, and as many as there are cores in each round. Contenders take turns, and
 * their answers are checked.
 */
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { Dag } from "dagwright";
import { wasm, type WasmOptions } from "dagwright/backends";
import { Piscina } from "piscina";
import load from "wabt";
import { compare, expectSame, round, verdict } from "./measure.js";

declare const WebAssembly: { readonly Module: new (bytes: Uint8Array) => object };

const wabt = await load();
const add = wabt
  .parseWat(
    "add.wat",
    `(module (func (export "run") (param f64 f64) (result f64) (f64.add (local.get 0) (local.get 1))))`,
    {},
  )
  .toBinary({}).buffer;
/** Its allocate never frees, and its output is where its input was. */
const echo = wabt
  .parseWat(
    "echo.wat",
    `(module
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 8))
    (func (export "allocate") (param $size i32) (result i32)
      (global.get $next)
      (global.set $next (i32.add (global.get $next) (i32.and (i32.add (local.get $size) (i32.const 7)) (i32.const -8)))))
    (func (export "deallocate") (param i32 i32))
    (func (export "run") (param $ptr i32) (param $size i32) (param $out i32) (result i32)
      (i32.store (local.get $out) (local.get $size))
      (local.get $ptr)))`,
    {},
  )
  .toBinary({}).buffer;

const cores = availableParallelism();
const piscina = new Piscina({
  filename: fileURLToPath(new URL("workers/raw-wasm.js", import.meta.url)),
  minThreads: cores,
  maxThreads: cores,
  idleTimeout: 60_000,
  workerData: { add: new WebAssembly.Module(add), echo: new WebAssembly.Module(echo) },
});

const order = { id: 7, lines: Array.from({ length: 20 }, (_, i) => ({ item: `item ${i}`, count: i, price: i * 1.5 })) };
const CASES: readonly {
  readonly name: "add" | "echo";
  readonly module: Uint8Array;
  readonly options: WasmOptions;
  readonly inputs: Record<string, unknown>;
  readonly sent: unknown;
}[] = [
  { name: "add", module: add, options: { convention: "numbers" }, inputs: { a: 2, b: 3 }, sent: { a: 2, b: 3 } },
  { name: "echo", module: echo, options: {}, inputs: { order }, sent: order },
];

for (const { name, module, options, inputs, sent } of CASES) {
  const backend = wasm(module, options);
  const expected = JSON.stringify(name === "add" ? 5 : sent);
  for (const size of [1, cores]) {
    const dag = new Dag<any>("wasm");
    for (let i = 0; i < size; i++) dag.node(`n${i}`, { backend, params: Object.keys(inputs) });
    const check = (results: readonly unknown[]) => {
      for (const result of results) expectSame(JSON.stringify(result), expected, name);
    };
    const { ours, theirs, ratio } = await compare(
      2000,
      async () => check(Object.values((await dag.run({ mode: "hybrid", inputs })).results)),
      async () => check(await Promise.all(Array.from({ length: size }, () => piscina.run(sent, { name })))),
    );
    console.log(`${name}, ${size} at a time: ${round(ours * 1000)} µs, raw piscina ${round(theirs * 1000)} µs`);
    verdict(`${name}, ${size} at a time, run / raw piscina`, ratio, "≤", 1.2);
  }
  await backend.close?.();
}
await piscina.destroy();
