import type { InspectOptions, inspect } from "node:util";

/**
 * What `console.log` shows of an object, in one line: `Client { workflows: [ 'orders' ], isClosed: false }`.
 * @param options - with `inspect`, what Node passes to `Symbol.for("nodejs.util.inspect.custom")`
 */
export function inOneLine(what: string, facts: object, options: InspectOptions, inspectFacts: typeof inspect): string {
  const given = Object.fromEntries(Object.entries(facts).filter(([, fact]) => fact !== undefined));
  return `${what} ${inspectFacts(given, { ...options, compact: true, breakLength: Infinity })}`;
}
