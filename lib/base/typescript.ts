/** How a thread that runs JavaScript imports TypeScript. */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

/** Whether a file's name is that of a TypeScript module. */
export function isTypeScript(file: string): boolean {
  return /\.[cm]?tsx?$/u.test(file);
}

/** The manifest of the tsx that a module would resolve; undefined if there is none. @param module - its URL or path */
export function tsxFor(module: string): string | undefined {
  try {
    return createRequire(module).resolve("tsx/package.json");
  } catch {
    return undefined;
  }
}

let registered: Promise<boolean> | undefined;

/**
 * Makes this thread import TypeScript with the tsx that a module itself would resolve. Only the first call counts.
 * @returns whether there is one; without it, Node imports TypeScript, or does not
 */
export function registerTypeScript(module: string): Promise<boolean> {
  return (registered ??= register(module));
}

async function register(module: string): Promise<boolean> {
  const manifest = tsxFor(module);
  if (manifest === undefined) return false;
  const { exports } = createRequire(manifest)(manifest) as { exports: Record<string, { import: { default: string } }> };
  for (const api of ["./cjs/api", "./esm/api"]) {
    const url = pathToFileURL(join(dirname(manifest), exports[api].import.default)).href;
    ((await import(url)) as { register(): void }).register();
  }
  return true;
}
