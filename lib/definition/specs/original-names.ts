/**
 * Undoes what compilers do to names of parameters. esbuild numbers one that a variable in scope has as well, so that `path`
 * becomes `path2`; Rollup does so with a dollar sign, `path$1`.
 */

const NUMBERED = /.[1-9]\d*$/u;

type Name = string | undefined;

/** Whether a compiler may have numbered this name. */
export function isNumbered(name: Name): boolean {
  return name !== undefined && endsWithDigit(name) && NUMBERED.test(name);
}

function endsWithDigit(name: string): boolean {
  const last = name.charCodeAt(name.length - 1);
  return last >= 48 && last <= 57;
}

/** The names of parameters, when a compiler may have numbered some. */
export function numberedNames(params: readonly { readonly name: Name }[]): readonly Name[] | undefined {
  return params.some(({ name }) => isNumbered(name)) ? Object.freeze(params.map(({ name }) => name)) : undefined;
}

/**
 * What the parameters of one function are called in the source, as far as that can be told: one that is not known is the
 * known one without its number. Two never are the same, and none is another that the function has, unless that was
 * numbered as well; where several could be the same, all keep their names.
 *
 * Cost: O(names).
 */
export function originalNames(names: readonly Name[], isKnown: (name: string) => boolean): readonly Name[] {
  const all = new Set(names);
  const originalOf = (name: string): Name => {
    for (const original of withoutNumber(name)) {
      if (all.has(original)) return isKnown(original) && originalOf(original) !== undefined ? original : undefined;
      if (isKnown(original)) return original;
    }
    return undefined;
  };
  const found = new Map<string, string>();
  const taken = new Map<string, string>();
  for (const name of names) {
    if (name === undefined || isKnown(name)) continue;
    for (let from: Name = name; from !== undefined && all.has(from); from = found.get(from)) {
      const original = originalOf(from);
      if (original === undefined) break;
      if ((taken.get(original) ?? from) !== from) return names;
      taken.set(original, from);
      found.set(from, original);
    }
  }
  return found.size === 0 ? names : names.map((name) => (name === undefined ? name : (found.get(name) ?? name)));
}

/** A name without any number, which is the same however compilers numbered it. */
export function unnumbered(name: string): string {
  return name.replace(/(?<=.)\$?\d+$/u, "");
}

/** What to say beside a numbered name; nothing beside any other. */
export function sourceNameHint(name: string): string {
  const originals = Array.from(withoutNumber(name), (original) => `"${original}"`);
  return originals.length === 0 ? "" : ` (or ${originals.join(" or ")}, if a compiler numbered it)`;
}

/** What a name may have been before it was numbered, the longest first: `path22` was `path2` or `path`. */
export function* withoutNumber(name: string): Generator<string> {
  for (let end = name.length - 1; end > 0 && name[end] >= "0" && name[end] <= "9"; end--) {
    // No compiler counts from 0.
    if (name[end] === "0") continue;
    const original = name.slice(0, end);
    yield original;
    if (original.length > 1 && original.endsWith("$")) yield original.slice(0, -1);
  }
}
