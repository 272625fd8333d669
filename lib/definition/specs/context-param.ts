import type { Context, FsmContext } from "../context.js";
import { looksMinified } from "./minified-names.js";
import type { NodeKind } from "./node-spec.js";
import { numberedNames, originalNames } from "./original-names.js";
import type { ContextGuess, Declared, Signature } from "./signature.js";

/** The members of a context; true for those that few other objects have. */
const MEMBERS: Readonly<Record<keyof Context | keyof FsmContext, boolean>> = {
  runId: true,
  nodeName: true,
  attempt: true,
  idempotencyKey: true,
  signal: true,
  progress: true,
  trigger: true,
  cycle: true,
  stateHistory: true,
  cycleResults: true,
  getHistory: true,
  getCycle: true,
  getLatest: true,
  workflow: false,
  inputs: false,
  metadata: false,
  metrics: false,
  get: false,
  has: false,
  results: false,
  log: false,
  run: false,
  item: false,
};
const DISTINCTIVE = Object.keys(MEMBERS).filter((name) => MEMBERS[name as keyof typeof MEMBERS]);
const ACCESS = new RegExp(`\\.\\s*(?:${DISTINCTIVE.join("|")})\\b`, "u");

/** Whether a parameter with this name takes the context. */
export function isContextName(name: string | undefined): boolean {
  return name === "context" || name === "ctx";
}

/** A hint for messages about unknown names, if one may be meant for the context; otherwise an empty string. */
export function contextHint(names: readonly string[]): string {
  const meant = names.find((name) => /ctx|context/iu.test(name));
  return meant === undefined ? "" : ` If "${meant}" is meant to be the run's context, name it "ctx" or "context".`;
}

/**
 * Finds the parameter that may be meant for the context, if none has its name. Cost: O(length of the source).
 * @param numbered - the parameters' names, if a compiler may have numbered some
 */
export function guessContext(
  { list, rest }: Declared,
  numbered: Signature["numbered"],
  source: string,
): ContextGuess | undefined {
  const at = numbered === undefined ? -1 : originalNames(numbered, isContextName).findIndex(isContextName);
  if (at >= 0) return { at, isNumbered: true };
  if (!source.includes(".")) return undefined;
  const last = rest ? undefined : list.at(-1);
  if (last === undefined || last.optional || !looksMinified(last.name) || !ACCESS.test(source)) return undefined;
  return isUsedAsContext(last.name, source) ? { at: list.length - 1, isNumbered: false } : undefined;
}

function isUsedAsContext(name: string, source: string): boolean {
  const access = new RegExp(`(?<![\\w$.])${name.replaceAll("$", "\\$")}\\s*(?:\\?\\s*)?\\.\\s*([\\w$]+)`, "gu");
  const members = Array.from(source.matchAll(access), ([, member]) => member);
  return (
    members.every((member) => Object.hasOwn(MEMBERS, member)) && members.some((member) => DISTINCTIVE.includes(member))
  );
}

/**
 * The signature with its guess as the context, unless an explicit need takes that parameter.
 * @param needs - the number of explicit needs
 */
export function withGuessedContext(signature: Signature, kind: NodeKind, needs: number): Signature {
  const { guess, inputs } = signature;
  if (guess === undefined || guess.at < filled(kind, needs, guess)) return signature;
  const others = Object.freeze(inputs.toSpliced(guess.at, 1));
  const contextName = inputs[guess.at].name;
  return Object.freeze({
    ...signature,
    inputs: others,
    contextAt: guess.at,
    contextName,
    extra: false,
    numbered: numberedNames(others),
  });
}

/** The signature with the guessed context as an input. */
export function withoutGuessedContext(signature: Signature): Signature {
  const { contextAt, contextName, inputs } = signature;
  if (contextName === undefined) return signature;
  const all = Object.freeze(inputs.toSpliced(contextAt, 0, { name: contextName, optional: false }));
  return Object.freeze({
    ...signature,
    inputs: all,
    contextAt: -1,
    contextName: undefined,
    numbered: numberedNames(all),
  });
}

/** The number of parameters that certainly take something other than the context. */
function filled(kind: NodeKind, needs: number, { isNumbered }: ContextGuess): number {
  // In these kinds, the first parameter may take all needs, or the value of a state.
  if (kind === "all" || kind === "any" || kind === "state") return isNumbered ? 0 : 1;
  return kind === "event" ? needs + 1 : needs;
}
