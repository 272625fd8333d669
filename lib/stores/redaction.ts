/** Stands for what people must not see. */
const REDACTED = "[redacted]";

/**
 * What of values is hidden from people. Rules begin with the name of a node or state, or with `inputs` or `metadata` of the
 * run, and may go on into the value: `login`, `login.token`, `rows[0].email`, `users.*.email`.
 */
export class Redaction {
  private readonly rules: (readonly string[])[] = [];

  add(path: string): void {
    this.rules.push(path.split(/\.|\[(\d+)\]/u).filter((part) => part !== undefined && part !== ""));
  }

  /** A value without what is hidden in it. What is shown is copied only where something is hidden. */
  apply(name: string, value: unknown): unknown {
    let shown = value;
    for (const [first, ...path] of this.rules) if (first === name) shown = hidden(shown, path);
    return shown;
  }
}

/** An object has no name as a key of a map. */
function isNamed(key: unknown, name: string): boolean {
  return name === "*" || (Object(key) !== key && String(key) === name);
}

function hidden(value: unknown, path: readonly string[]): unknown {
  if (path.length === 0) return REDACTED;
  if (typeof value !== "object" || value === null) return value;
  const [key, ...rest] = path;
  if (value instanceof Map) {
    return new Map(Array.from(value, ([k, item]) => [k, isNamed(k, key) ? hidden(item, rest) : item]));
  }
  const keys = key === "*" ? Object.keys(value) : Object.hasOwn(value, key) ? [key] : [];
  if (keys.length === 0) return value;
  const copy = (
    Array.isArray(value)
      ? [...(value as unknown[])]
      : Object.assign(Object.create(Object.getPrototypeOf(value) as object) as object, value)
  ) as Record<string, unknown>;
  for (const own of keys) {
    const shown = hidden(copy[own], rest);
    Object.defineProperty(copy, own, { value: shown, writable: true, enumerable: true, configurable: true });
  }
  return copy;
}
