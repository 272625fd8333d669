import { checkRecord, label, nested, show, type OptionName } from "../../base/check.js";
import { isStandardSchema, type StandardSchema } from "../../base/standard-schema.js";

/** The schemas of a run's inputs, by name, as they are given: `I` are the types of the values that they take. */
export type InputSchemas<I extends object = Record<string, any>> = {
  readonly [K in keyof I]?: StandardSchema<I[K], any> | undefined;
};

/** The inputs that a workflow declares, with their schemas. */
export type DeclaredInputs = ReadonlyMap<string, StandardSchema<any, any>>;

/** The inputs that have a schema; undefined if none has. */
export function declaredIn(schemas: InputSchemas | undefined): DeclaredInputs | undefined {
  if (schemas === undefined) return undefined;
  const given = Object.entries(schemas).filter(
    (entry): entry is [string, StandardSchema<any, any>] => entry[1] !== undefined,
  );
  return given.length === 0 ? undefined : new Map(given);
}

/** @throws {TypeError} naming the input whose schema is none */
export function checkInputSchemas(option: OptionName, schemas: Readonly<Record<string, unknown>>): void {
  checkRecord(option, schemas);
  for (const name of Object.keys(schemas)) {
    if (schemas[name] === undefined || isStandardSchema(schemas[name])) continue;
    throw new TypeError(
      `${noSchema(nested(option, name), schemas[name])} To give inputs to all runs, use runOptions: { inputs }.`,
    );
  }
}

/** @throws {TypeError} unless it is a Standard Schema */
export function checkSchema(option: OptionName, schema: unknown): void {
  if (isStandardSchema(schema)) return;
  throw new TypeError(noSchema(option, schema));
}

/** Why a value is refused. @param or - what is taken as well: `, or true` */
export function noSchema(option: OptionName, received: unknown, or = ""): string {
  const rule = "must be a schema, such as one of zod, valibot or arktype (https://standardschema.dev)";
  return `${label(option)} ${rule}${or}; received ${show(received)}.`;
}
