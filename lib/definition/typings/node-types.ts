import type { Class } from "../../base/class-state.js";
import type { NodeOptions } from "../specs/node-options.js";
import type { NodeSpec } from "../specs/node-spec.js";

/** Classes that are too general to identify a node. */
const UNSPECIFIC: ReadonlySet<unknown> = new Set([
  Object,
  Array,
  Promise,
  Function,
  String,
  Number,
  Boolean,
  Symbol,
  BigInt,
]);

/** The classes of a node's parameters and result, from its options, or from `emitDecoratorMetadata`. */
export function typesOf({ options, self, method }: NodeSpec): {
  readonly types: NodeOptions["types"];
  readonly returns: Class | undefined;
} {
  const recorded = (key: string): unknown =>
    method === undefined ? undefined : Reflect.getMetadata(key, self as object, method);
  const specific = (type: Class | undefined) => (UNSPECIFIC.has(type) ? undefined : type);
  return {
    types: options.types ?? (recorded("design:paramtypes") as Class[] | undefined)?.map(specific),
    returns: options.returns ?? specific(recorded("design:returntype") as Class | undefined),
  };
}
