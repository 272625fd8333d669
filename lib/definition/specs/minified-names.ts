const SHORT = /^[\w$]{1,2}$/u;

/** Whether a minifier may have made this name. */
export function looksMinified(name: string | undefined): name is string {
  return name !== undefined && name.length <= 2 && SHORT.test(name);
}

/** Whether a function's text is a minifier's: without the spaces that people leave. */
export function isMinified(fn: (...args: any[]) => unknown): boolean {
  return !/[,{=] |\n/u.test(Function.prototype.toString.call(fn));
}

/** What to say where names of parameters fit nothing; nothing when they are none of a minifier's. */
export function minifiedHint(names: Iterable<string | undefined>): string {
  for (const name of names) {
    if (!looksMinified(name)) continue;
    return (
      ` If "${name}" is a minifier's name, say what parameters are called with { params: [...] } or, for nodes, where they ` +
      `come from with "needs", which go by position; or build without renaming (esbuild: not --minify but ` +
      `--minify-syntax --minify-whitespace; --keep-names does not keep those of parameters).`
    );
  }
  return "";
}
