// In a checkout, the worker's source is TypeScript: registers tsx before importing it.
import { register } from "tsx/esm/api";

register();
await import("./wasm-worker.ts");
