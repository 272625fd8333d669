import { show } from "../base/check.js";
import { isInstance, tryOr } from "../base/safe-access.js";
import { messageOf } from "../base/message.js";
import { define } from "../base/objects.js";
import { plainJson } from "../base/plain-json.js";

/** The type of the detail of a Connect error that holds what a function has thrown. */
export const THROWN = "dagwright.Thrown";

/** A thrown value as JSON. Errors refer to each other by number, so they may be circular. */
interface ThrownJson {
  readonly value: Reference;
  readonly errors: readonly ErrorJson[];
}

type Reference = { readonly error: number } | { readonly plain: unknown };

interface ErrorJson {
  readonly name: string;
  readonly message: string;
  /** The class that JavaScript has for it. */
  readonly type: string;
  readonly cause?: Reference;
  readonly errors?: readonly Reference[];
  /** Its other properties. */
  readonly own: Readonly<Record<string, unknown>>;
}

const TYPES: Readonly<Record<string, new (message: string) => Error>> = {
  RangeError,
  TypeError,
  SyntaxError,
  ReferenceError,
  EvalError,
  URIError,
};

const MOST_ERRORS = 100;

/** Never throws: what is no plain data is described as text. Stacks stay here. */
export function thrownJson(thrown: unknown): ThrownJson {
  const errors: ErrorJson[] = [];
  const numbers = new Map<Error, number>();
  const refer = (value: unknown): Reference => {
    if (!isInstance(value, Error)) return { plain: plainOf(value) };
    let number = numbers.get(value);
    if (number === undefined && errors.length >= MOST_ERRORS) return { plain: show(value) };
    if (number === undefined) {
      numbers.set(value, (number = errors.length));
      errors.push({ name: "Error", message: "", type: "Error", own: {} });
      errors[number] = tryOr(() => errorJson(value, refer), { ...errors[number], message: messageOf(value) });
    }
    return { error: number };
  };
  return { value: refer(thrown), errors };
}

function errorJson(error: Error, refer: (value: unknown) => Reference): ErrorJson {
  const own: Record<string, unknown> = {};
  const { code } = error as { code?: unknown };
  if (typeof code === "string" || typeof code === "number") own.code = code;
  for (const key of Object.keys(error)) {
    if (!["name", "message", "stack", "cause", "errors"].includes(key)) define(own, key, plainOf(error[key as never]));
  }
  const type = isInstance(error, AggregateError)
    ? "AggregateError"
    : Object.keys(TYPES).find((name) => isInstance(error, TYPES[name]));
  return {
    name: String(error.name),
    message: messageOf(error),
    type: type ?? "Error",
    own,
    ...(error.cause === undefined ? {} : { cause: refer(error.cause) }),
    ...(isInstance(error, AggregateError) ? { errors: error.errors.map(refer) } : {}),
  };
}

function plainOf(value: unknown): unknown {
  return tryOr(() => JSON.parse(plainJson(value, "")) as unknown, show(value));
}

/** What {@link thrownJson} was made of. @throws {TypeError} when it is something else */
export function thrownFrom(json: unknown): unknown {
  const { value, errors } = json as ThrownJson;
  const made = errors.map(({ type, message, name, own }) => {
    const error = type === "AggregateError" ? new AggregateError([], message) : new (TYPES[type] ?? Error)(message);
    if (error.name !== name) Object.defineProperty(error, "name", { value: name, configurable: true, writable: true });
    for (const [key, part] of Object.entries(own)) define(error, key, part);
    return error;
  });
  const find = (reference: Reference): unknown => ("error" in reference ? made[reference.error] : reference.plain);
  errors.forEach((error, i) => {
    if (error.cause !== undefined) hide(made[i], "cause", find(error.cause));
    if (error.errors !== undefined) hide(made[i], "errors", error.errors.map(find));
  });
  return find(value);
}

function hide(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, configurable: true, writable: true });
}
