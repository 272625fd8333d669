/** The worker of the raw piscina in `wasm.ts`: calls an instance of its own for each call. */
import { workerData } from "piscina";

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly allocate: (size: number) => number;
  readonly deallocate: (ptr: number, size: number) => void;
  readonly run: (...args: number[]) => number;
}

declare const WebAssembly: {
  readonly Instance: new (module: unknown, imports: object) => { readonly exports: unknown };
};

const modules = workerData as { readonly add: unknown; readonly echo: unknown };
const exportsOf = (module: unknown) => new WebAssembly.Instance(module, {}).exports as Exports;

export const add = ({ a, b }: { readonly a: number; readonly b: number }) => exportsOf(modules.add).run(a, b);

/** Of JSON as the `json` convention has it. */
export function echo(value: unknown): unknown {
  const { memory, allocate, deallocate, run } = exportsOf(modules.echo);
  const input = new TextEncoder().encode(JSON.stringify(value));
  const [at, out] = [allocate(input.length), allocate(4)];
  new Uint8Array(memory.buffer).set(input, at);
  const result = run(at, input.length, out);
  const size = new DataView(memory.buffer).getUint32(out, true);
  const text = new TextDecoder().decode(new Uint8Array(memory.buffer, result, size));
  deallocate(at, input.length);
  deallocate(out, 4);
  return JSON.parse(text);
}
