import { checkNonEmptyString, checkRecord, label, nested, type OptionName } from "../../base/check.js";
import { isStandardSchema, type StandardSchema } from "../../base/standard-schema.js";
import { noSchema } from "./input-schemas.js";

/**
 * The events that an fsm takes, by name: the schema of the payload, or `true` for any payload. `E` are the types of the
 * payloads that are sent.
 */
export type EventSchemas<E = Record<string, any>> = {
  readonly [K in keyof E]?: StandardSchema<E[K], any> | true | undefined;
};

/** The events that a workflow declares, with the schemas of their payloads. */
export type DeclaredEvents = ReadonlyMap<string, { readonly schema: StandardSchema<any, any> | undefined }>;

/** The events that are declared; undefined if the option is not given, so that any may be sent. */
export function declaredEventsIn(events: EventSchemas | undefined): DeclaredEvents | undefined {
  if (events === undefined) return undefined;
  const given = Object.entries(events).filter(([, declared]) => declared !== undefined);
  return new Map(given.map(([name, declared]) => [name, { schema: declared === true ? undefined : declared }]));
}

/** @throws {TypeError} | {RangeError} naming the event that is declared as something else */
export function checkEventSchemas(option: OptionName, events: Readonly<Record<string, unknown>>): void {
  checkRecord(option, events);
  for (const [name, declared] of Object.entries(events)) {
    checkNonEmptyString(`the name of an event in ${label(option)}`, name);
    if (declared === undefined || declared === true || isStandardSchema(declared)) continue;
    throw new TypeError(noSchema(nested(option, name), declared, ", or true"));
  }
}
