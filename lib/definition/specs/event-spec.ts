import { checkDuration, checkNonEmptyString, type Rules } from "../../base/check.js";
import type { StandardSchema } from "../../base/standard-schema.js";
import { checkSchema } from "./input-schemas.js";
import type { NeedLike } from "./need.js";
import { checkSpecOptions, NODE_RULES, type NodeOptions } from "./node-options.js";

/** The options of an event node that other nodes do not have. `P` is the type of the payload. */
export interface EventSettings<P = any> {
  /** The event that the node waits for. @defaultValue the name of the node */
  event?: string | undefined;
  /**
   * The schema of the payload: any Standard Schema (zod, valibot, arktype …). Sending a payload that it refuses rejects.
   * The node gets what it makes of the payload.
   */
  schema?: StandardSchema<any, P> | undefined;
  /** How long the event may take to come, in ms, at least 1. @defaultValue unlimited */
  timeout?: number | undefined;
  /**
   * The result if the event does not come in time: a value, or a function `(…needs, ctx) => value`, which may be async.
   * @defaultValue the node fails, with a `NodeTimeoutError`
   */
  onTimeout?: OnTimeout | object | string | number | bigint | boolean | symbol | null | undefined;
  /** How long an attempt may take once the event has come, in ms. @defaultValue unlimited */
  bodyTimeout?: number | undefined;
}

/** @inline */
type OnTimeout = (...args: any[]) => unknown;

/** The options of an event node. */
export interface EventOptions<D extends readonly NeedLike[] = readonly NeedLike[], V = any, P = any>
  extends Omit<NodeOptions<D, V>, "timeout">, EventSettings<P> {}

/** What an event node waits for. */
export interface EventSpec {
  readonly name: string;
  readonly schema: StandardSchema<any, any> | undefined;
  readonly timeout: number | undefined;
  /** What takes the place of the result if the event does not come in time; undefined for a failure. */
  readonly onTimeout: { readonly value: unknown } | undefined;
}

const EVENT_RULES: Rules<EventOptions> = {
  ...NODE_RULES,
  event: checkNonEmptyString,
  schema: checkSchema,
  timeout: (option, timeout) => checkDuration(option, timeout, 1),
  onTimeout: "any",
  bodyTimeout: checkDuration,
};

/** The names of the options of event nodes that other nodes don't have. */
export const EVENT_SETTINGS: readonly string[] = ["event", "schema", "onTimeout", "bodyTimeout"];

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkEventOptions(options: EventOptions, node: string): void {
  checkSpecOptions(options, EVENT_RULES, `event "${node}"`);
}

/** The options of an event node, parted into what it waits for and those of a node. */
export function partEventOptions(
  name: string,
  options: EventOptions,
): { readonly event: EventSpec; readonly node: NodeOptions } {
  const { event = name, schema, timeout, onTimeout, bodyTimeout, ...node } = options;
  const standIn = onTimeout === undefined ? undefined : { value: onTimeout as unknown };
  return {
    event: Object.freeze({ name: event, schema, timeout, onTimeout: standIn }),
    node: { ...node, timeout: bodyTimeout },
  };
}

/** The options that {@link partEventOptions} has parted. */
export function joinEventOptions({ name, schema, timeout, onTimeout }: EventSpec, node: NodeOptions): EventOptions {
  const { timeout: bodyTimeout, ...others } = node;
  return {
    ...others,
    event: name,
    schema,
    timeout,
    onTimeout: onTimeout?.value as EventOptions["onTimeout"],
    bodyTimeout,
  };
}
