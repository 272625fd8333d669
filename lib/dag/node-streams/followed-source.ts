import type { AttemptTelemetry } from "../../engine/telemetry/telemetry.js";
import type { Source } from "./production.js";

/** A generator that computes its items as part of an attempt, no matter who asks for them. */
export function followedSource(source: Source, followed: AttemptTelemetry): Source {
  const part =
    (method: "next" | "return" | "throw") =>
    (...args: unknown[]): unknown =>
      followed.within(() => (source[method] as (...args: unknown[]) => unknown)(...args));
  const kind = Symbol.asyncIterator in source ? Symbol.asyncIterator : Symbol.iterator;
  const methods = { next: part("next"), return: part("return"), throw: part("throw") };
  return Object.assign(methods, {
    [kind]() {
      return this;
    },
  }) as object as Source;
}
