import type { Context, FsmContext } from "../context.js";
import { looksMinified } from "./minified-names.js";
import type { NodeKind } from "./node-spec.js";
import { numberedNames, originalNames } from "./original-names.js";
import type { Param, Signature } from "./params.js";

/** A parameter that may be for the context, though it has neither of its names. */
export interface ContextGuess {
  readonly at: number;
  /** A compiler has numbered it. Otherwise it is the last, has a minifier's name, and is used as a context is. */
  readonly isNumbered: boolean;
}

/** What a context has; true for what little else has. */
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
};
const TELLING = Object.keys(MEMBERS).filter((name) => MEMBERS[name as keyof typeof MEMBERS]);
const MENTIONED = new RegExp(`\\.\\s*(?:${TELLING.join("|")})\\b`, "u");

/** Whether a parameter goes by one of the names that the context has. */
export function isContextName(name: string | undefined): boolean {
  return name === "context" || name === "ctx";
}

/** What to say where a name that nothing has may be meant for the context; nothing for any other. */
export function contextHint(names: readonly string[]): string {
  const meant = names.find((name) => /ctx|context/iu.test(name));
  return meant === undefined ? "" : ` If "${meant}" is to be the run's context, call it "ctx" or "context".`;
}

/**
 * Finds what may be the context among parameters none of which is called so. Cost: O(length of the source).
 * @param numbered - their names, if a compiler may have numbered some
 */
export function guessContext(
  list: readonly Param[],
  numbered: Signature["numbered"],
  rest: boolean,
  source: string,
): ContextGuess | undefined {
  const at = numbered === undefined ? -1 : originalNames(numbered, isContextName).findIndex(isContextName);
  if (at >= 0) return { at, isNumbered: true };
  if (!source.includes(".")) return undefined;
  const last = rest ? undefined : list.at(-1);
  if (last === undefined || last.optional || !looksMinified(last.name) || !MENTIONED.test(source)) return undefined;
  return isUsedAsContext(last.name, source) ? { at: list.length - 1, isNumbered: false } : undefined;
}

function isUsedAsContext(name: string, source: string): boolean {
  const access = new RegExp(`(?<![\\w$.])${name.replaceAll("$", "\\$")}\\s*(?:\\?\\s*)?\\.\\s*([\\w$]+)`, "gu");
  const members = Array.from(source.matchAll(access), ([, member]) => member);
  return (
    members.every((member) => Object.hasOwn(MEMBERS, member)) && members.some((member) => TELLING.includes(member))
  );
}

/**
 * A node's signature with its guess taken, where no need fills that parameter.
 * @param needs - how many explicit needs there are
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

/** A signature that takes for an input what was guessed to be the context. */
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

/** How many parameters something else than the context is sure to go to. */
function filled(kind: NodeKind, needs: number, { isNumbered }: ContextGuess): number {
  // One parameter may take all needs of these, and the value of a state.
  if (kind === "all" || kind === "any" || kind === "state") return isNumbered ? 0 : 1;
  return needs;
}
