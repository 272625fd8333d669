/** The part of WebAssembly's JavaScript API that is used here. TypeScript has its types among those of browsers only. */

/** A compiled module, which can be sent to threads. */
export interface WasmModule {
  readonly [Symbol.toStringTag]: string;
}

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

export interface WasmExport {
  readonly name: string;
  readonly kind: "function" | "table" | "memory" | "global" | "tag";
}

export interface WasmImport extends WasmExport {
  readonly module: string;
}

interface Api {
  readonly Module: {
    new (bytes: Uint8Array): WasmModule;
    exports(module: WasmModule): readonly WasmExport[];
    imports(module: WasmModule): readonly WasmImport[];
  };
  readonly Instance: new (
    module: WasmModule,
    imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
  readonly Memory: new (limits: { readonly initial: number; readonly maximum: number }) => WasmMemory;
}

export const { Module, Instance, Memory } = (globalThis as unknown as { readonly WebAssembly: Api }).WebAssembly;
