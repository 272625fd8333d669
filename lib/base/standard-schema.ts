/**
 * Standard Schema, the common interface of zod, valibot, arktype and others: https://standardschema.dev. Its types are
 * copied from there, as it proposes, so that users need not install it.
 */
import { asSentence, messageOf } from "./message.js";
import { isThenable } from "./coroutine.js";

/** A schema: checks a value of type `Input`, and makes one of type `Output` of it. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": StandardSchemaProps<Input, Output>;
}

/** The properties of a {@link StandardSchema}. */
export interface StandardSchemaProps<Input = unknown, Output = Input> {
  readonly version: 1;
  readonly vendor: string;
  readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
  /** Only for the compiler. */
  readonly types?: { readonly input: Input; readonly output: Output } | undefined;
}

/** What a {@link StandardSchema} makes of a value: another value, or a list of issues. */
export type StandardResult<Output = unknown> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly StandardIssue[] };

/** What is wrong with a value, and where in it. */
export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** A value that was checked, or what is wrong with it. */
export type Checked = { readonly value: unknown } | { readonly problems: readonly SchemaProblem[] };

/** One thing that is wrong with a value. */
export interface SchemaProblem {
  readonly message: string;
  /** Where in the value; empty for the value itself. */
  readonly path: readonly PropertyKey[];
  /** What the schema threw, if it did instead of checking the value. */
  readonly thrown?: unknown;
}

export function isStandardSchema(value: unknown): value is StandardSchema<any, any> {
  if (value === null || (typeof value !== "object" && typeof value !== "function")) return false;
  const props: unknown = (value as Partial<StandardSchema>)["~standard"];
  return typeof props === "object" && props !== null && typeof (props as StandardSchemaProps).validate === "function";
}

/** Checks a value. Returns a promise only if the schema does. Never throws or rejects. */
export function check(schema: StandardSchema<any, any>, value: unknown): Checked | Promise<Checked> {
  try {
    const result = schema["~standard"].validate(value);
    if (isThenable(result)) return Promise.resolve(result).then(checkedOf, refused);
    return checkedOf(result as StandardResult);
  } catch (error) {
    return refused(error);
  }
}

function checkedOf(result: StandardResult): Checked {
  try {
    if (result.issues === undefined) return { value: result.value };
    const problems = Array.from(result.issues, ({ message, path = [] }) => ({ message, path: Array.from(path, key) }));
    return { problems: problems.length > 0 ? problems : UNEXPLAINED };
  } catch (error) {
    return refused(error);
  }
}

const UNEXPLAINED: readonly SchemaProblem[] = [{ message: "its schema does not say why", path: [] }];

function key(segment: PropertyKey | { readonly key: PropertyKey }): PropertyKey {
  return typeof segment === "object" ? segment.key : segment;
}

function refused(thrown: unknown): Checked {
  return { problems: [{ message: "its schema threw", path: [], thrown }] };
}

/** What is wrong, as a sentence. */
export function problemText({ message, thrown }: SchemaProblem): string {
  return asSentence(thrown === undefined ? message : `${message}: ${messageOf(thrown)}`);
}

/** A path as text: `items[0].price`. */
export function pathText(path: readonly PropertyKey[]): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "string" && /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(part))
      text += `${text && "."}${part}`;
    else text += typeof part === "string" ? `[${JSON.stringify(part)}]` : `[${String(part)}]`;
  }
  return text;
}

/** A JSON Schema, draft 2020-12. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** The schemas of a library that can say them as JSON Schema, in the three ways that are in use. */
interface Tells {
  readonly "~standard": { readonly jsonSchema?: { input(options: { readonly target: string }): unknown } };
  toJSONSchema?(options: { readonly io: "input" }): unknown;
  toJsonSchema?(): unknown;
}

/** What a schema takes, as JSON Schema; undefined if its library can't say it. */
export function jsonSchemaOf(schema: StandardSchema<any, any>): JsonSchema | undefined {
  const teller = schema as unknown as Tells;
  const { jsonSchema } = teller["~standard"];
  try {
    const told =
      jsonSchema?.input({ target: "draft-2020-12" }) ??
      teller.toJSONSchema?.({ io: "input" }) ??
      teller.toJsonSchema?.();
    return typeof told === "object" && told !== null ? (told as JsonSchema) : undefined;
  } catch {
    // Libraries throw for what has no JSON Schema, such as a date.
    return undefined;
  }
}
