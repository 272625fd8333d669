import jsTokens from "js-tokens";
import { InvalidNodeError } from "../../base/errors.js";
import { guessContext, isContextName } from "./context-param.js";
import { numberedNames } from "./original-names.js";
import type { Declared, Param, Signature } from "./signature.js";

type AnyFunction = (...args: any[]) => unknown;

const known = new WeakMap<AnyFunction, Signature>();

const NATIVE = /\{\s*\[native code\]\s*\}\s*$/u;

/**
 * Reads the parameters of a function from its source. Supports arrow functions, methods, async and generator functions,
 * with default values, destructuring, comments, strings and regular expressions.
 *
 * Cost: O(length of the source) the first time, then a look-up.
 * @param names - the names of the parameters if they can't be read from the function; default values go by position
 * @throws {InvalidNodeError} INVALID_NODE for native and bound functions without `names`, and for classes
 */
export function readSignature(fn: AnyFunction, names: readonly string[] | undefined, node: string): Signature {
  if (names !== undefined) return namedSignature(fn, names);
  let signature = known.get(fn);
  if (signature === undefined) {
    const source = Function.prototype.toString.call(fn);
    requireReadable(source, node);
    const params = declared(source);
    signature = signatureOf(params, { extra: !params.rest && usesArguments(source), asks: asks(source), source });
    known.set(fn, signature);
  }
  return signature;
}

/** Whether a function does not declare its parameters: it is native, or uses only a rest parameter or `arguments`. */
export function takesAnything(fn: AnyFunction): boolean {
  const source = Function.prototype.toString.call(fn);
  if (isNative(source)) return true;
  const { list, rest } = declared(source);
  return list.length === 0 && (rest || usesArguments(source));
}

function isNative(source: string): boolean {
  return source.includes("[native code]") && NATIVE.test(source);
}

function usesArguments(source: string): boolean {
  return source.includes("arguments") && /\barguments\b/u.test(source);
}

function asks(source: string): boolean {
  return source.includes("getContext");
}

function namedSignature(fn: AnyFunction, names: readonly string[]): Signature {
  const source = Function.prototype.toString.call(fn);
  const list = isNative(source) ? [] : declared(source).list;
  const named = names.map((name, position) => ({ name, optional: list[position]?.optional ?? false }));
  return signatureOf({ list: named, rest: false }, { extra: true, asks: asks(source), source: undefined });
}

/** @param how - `source` is undefined if the names were not read from it */
function signatureOf(
  params: Declared,
  how: { readonly extra: boolean; readonly asks: boolean; readonly source: string | undefined },
): Signature {
  const { list, rest } = params;
  const { extra, asks, source } = how;
  const contextAt = list.findIndex(({ name }) => isContextName(name));
  const inputs = Object.freeze(contextAt < 0 ? list : list.toSpliced(contextAt, 1));
  const numbered = source === undefined ? undefined : numberedNames(inputs);
  return Object.freeze({
    inputs,
    contextAt,
    contextName: undefined,
    guess: source === undefined || contextAt >= 0 ? undefined : guessContext(params, numbered, source),
    numbered,
    rest,
    extra: extra && contextAt < 0,
    asks,
  });
}

function requireReadable(source: string, node: string): void {
  if (isNative(source)) {
    throw new InvalidNodeError(
      `The parameters of node "${node}" can't be read: its function is native or bound. ` +
        `Name them with { params: ["first", "second"] }, or wrap it in an arrow function.`,
    );
  }
  if (source.startsWith("class") && /^class\b/u.test(source)) {
    throw new InvalidNodeError(`Node "${node}" is a class, not a function. Wrap it: (x) => new TheClass(x).`);
  }
}

function declared(source: string): Declared {
  const names = plainNames(source);
  if (names === undefined) return parse(significantTokens(source));
  return { list: names.map((name) => ({ name, optional: false })), rest: false };
}

/**
 * The names in a parameter list that contains only names, the usual case. Uses neither a tokenizer nor regular
 * expressions: compiling those would take longer than all other work for the first node.
 */
function plainNames(source: string): string[] | undefined {
  const open = source.indexOf("(");
  const arrow = source.indexOf("=>");
  const isAlone = arrow >= 0 && (open < 0 || arrow < open);
  const end = isAlone ? arrow : source.indexOf(")");
  const begin = isAlone ? 0 : open + 1;
  for (let i = 0; i < end; i++) if (!isPlain(source.charCodeAt(i)) && i !== begin - 1) return undefined;
  const names = source
    .slice(begin, end)
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  return isAlone && /\s/u.test(names[0]) ? undefined : names;
}

/** Whether a character may be part of a list of names: an ASCII letter, a digit, `_`, `$`, `*`, `,` or whitespace. */
function isPlain(code: number): boolean {
  if (code >= 97) return code <= 122;
  if (code >= 65) return code <= 90 || code === 95;
  return code >= 48 ? code <= 57 : code === 36 || code === 42 || code === 44 || (code <= 32 && code >= 9);
}

interface Text {
  readonly type: string;
  readonly value: string;
}

function* significantTokens(source: string): Generator<Text> {
  for (const token of jsTokens(source)) {
    if (token.type === "WhiteSpace" || token.type === "LineTerminatorSequence") continue;
    if (token.type === "SingleLineComment" || token.type === "MultiLineComment") continue;
    yield token;
  }
}

/** 1 for a token that opens a bracket, -1 for one that closes it, otherwise 0. */
function nesting({ type, value }: Text): number {
  if (type === "TemplateHead") return 1;
  if (type === "TemplateTail") return -1;
  if (type !== "Punctuator") return 0;
  return "([{".includes(value) ? 1 : ")]}".includes(value) ? -1 : 0;
}

/** Splits the parameter list at its top-level commas. The first token of each parameter is its name. */
function parse(tokens: Generator<Text>): Declared {
  const alone = skipToList(tokens);
  if (alone !== undefined) return { list: [{ name: alone, optional: false }], rest: false };
  const list: Param[] = [];
  let rest = false;
  let depth = 1;
  let first: Text | undefined;
  let optional = false;
  for (const token of tokens) {
    depth += nesting(token);
    const punctuator = depth <= 1 && token.type === "Punctuator" ? token.value : "";
    if (depth > 0 && punctuator !== ",") {
      if (first === undefined) first = token;
      else if (punctuator === "=") optional = true;
      continue;
    }
    if (first?.value === "...") rest = true;
    else if (first !== undefined)
      list.push({ name: first.type === "IdentifierName" ? first.value : undefined, optional });
    if (depth === 0) break;
    first = undefined;
    optional = false;
  }
  return { list, rest };
}

/**
 * Skips to the start of the parameter list, past `async`, `function`, `*`, and a plain or computed name. Returns the
 * name of the only parameter of an arrow function without parentheses.
 */
function skipToList(tokens: Generator<Text>): string | undefined {
  let depth = 0;
  let name = "";
  for (let next = tokens.next(); next.done !== true; next = tokens.next()) {
    const token = next.value;
    if (depth === 0 && token.type === "Punctuator" && token.value === "(") return undefined;
    if (depth === 0 && token.type === "IdentifierName") name = token.value;
    depth += nesting(token);
    if (token.type === "Punctuator" && token.value === "=>") break;
  }
  return name;
}
