import { createRequire } from "node:module";
import { transformWithEsbuild } from "vite";
import * as dagwright from "dagwright";

const require = createRequire(import.meta.url);

/** The exports of a module compiled by esbuild, which numbers some names, or erases all when it minifies. */
export async function compiled<E>(
  source: string,
  options: { readonly minify?: boolean; readonly legacy?: boolean } = {},
): Promise<E> {
  const { code } = await transformWithEsbuild(source, "module.ts", {
    format: "cjs",
    target: "es2022",
    sourcemap: false,
    minify: options.minify ?? false,
    tsconfigRaw: { compilerOptions: { experimentalDecorators: options.legacy ?? false } },
  });
  const module = { exports: {} };
  const load = (name: string): unknown => (name === "dagwright" ? dagwright : require(name));
  new Function("require", "module", "exports", code)(load, module, module.exports);
  return module.exports as E;
}
