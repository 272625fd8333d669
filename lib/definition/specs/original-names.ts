/**
 * Finds the original names of parameters that compilers have numbered. When a parameter shadows a variable, esbuild
 * renames `path` to `path2`, and Rollup to `path$1`.
 */

const NUMBERED = /.[1-9]\d*$/u;

type Name = string | undefined;

/** Whether a compiler may have numbered a name. */
export function isNumbered(name: Name): boolean {
  return name !== undefined && endsWithDigit(name) && NUMBERED.test(name);
}

function endsWithDigit(name: string): boolean {
  const last = name.charCodeAt(name.length - 1);
  return last >= 48 && last <= 57;
}

/** The names of the parameters, if a compiler may have numbered some; otherwise undefined. */
export function numberedNames(params: readonly { readonly name: Name }[]): readonly Name[] | undefined {
  return params.some(({ name }) => isNumbered(name)) ? Object.freeze(params.map(({ name }) => name)) : undefined;
}

/**
 * The original names of a function's parameters, as far as they can be determined: an unknown name stands for the known
 * name without its number. No two parameters get the same name, and none gets the name of another parameter, unless
 * that was numbered as well. If several could have the same original, all keep their names.
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

/** A name without any number, for comparison. */
export function unnumbered(name: string): string {
  return name.replace(/(?<=.)\$?\d+$/u, "");
}

/** A hint for messages about a numbered name; otherwise an empty string. */
export function sourceNameHint(name: string): string {
  const originals = Array.from(withoutNumber(name), (original) => `"${original}"`);
  return originals.length === 0 ? "" : ` (or ${originals.join(" or ")}, if a compiler numbered it)`;
}

/** The names that a numbered name may come from, the longest first: `path2` and `path` for `path22`. */
export function* withoutNumber(name: string): Generator<string> {
  for (let end = name.length - 1; end > 0 && name[end] >= "0" && name[end] <= "9"; end--) {
    // Compilers' numbers do not start with 0.
    if (name[end] === "0") continue;
    const original = name.slice(0, end);
    yield original;
    if (original.length > 1 && original.endsWith("$")) yield original.slice(0, -1);
  }
}
