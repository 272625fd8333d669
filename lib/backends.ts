/** `dagwright/backends`: nodes on servers, and in sandboxed WebAssembly. */
export { rpc } from "./rpc/rpc.js";
export type { RpcOptions } from "./rpc/rpc-options.js";
export { serveNodes, type NodeServer, type ServeNodesOptions } from "./rpc/serve-nodes.js";
export { wasm, type WasmConvention, type WasmOptions } from "./wasm/wasm.js";
