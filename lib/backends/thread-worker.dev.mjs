// In a checkout: the worker's source is TypeScript, which this thread learns to import first.
import { register as registerCommonJs } from "tsx/cjs/api";
import { register } from "tsx/esm/api";

registerCommonJs();
register();
const { default: execute } = await import("./thread-worker.ts");
export default execute;
