// In a checkout, the worker's source is TypeScript: registers tsx before importing it.
import { register as registerCommonJs } from "tsx/cjs/api";
import { register } from "tsx/esm/api";

registerCommonJs();
register();
export default import("./thread-worker.ts").then(({ default: handle }) => handle);
