const MINIFIED = /^[\w$]{1,2}$/u;

/** Whether a name may come from a minifier. */
export function looksMinified(name: string | undefined): name is string {
  return name !== undefined && name.length <= 2 && MINIFIED.test(name);
}

/** Whether a function's source is minified: without the usual spaces and newlines. */
export function isMinified(fn: (...args: any[]) => unknown): boolean {
  return !/[,{=] |\n/u.test(Function.prototype.toString.call(fn));
}

/** A hint for messages about unknown parameter names, if one looks minified; otherwise an empty string. */
export function minifiedHint(names: Iterable<string | undefined>): string {
  for (const name of names) {
    if (!looksMinified(name)) continue;
    return (
      ` If a minifier renamed "${name}", name the parameters with { params: [...] }, or, for nodes, wire them by position ` +
      `with "needs"; or build without renaming (esbuild: --minify-syntax --minify-whitespace instead of --minify; ` +
      `--keep-names does not keep parameter names).`
    );
  }
  return "";
}
