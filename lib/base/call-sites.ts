import { tryOr } from "./safe-access.js";

/**
 * The files on the stack of an error, innermost first, without Node's own files, code outside of files, and async
 * frames.
 */
export function filesOn(trace: Error): string[] {
  return tryOr(() => sitesOn(trace).flatMap((site) => (site.isAsync() ? [] : (pathOf(site) ?? []))), []);
}

/**
 * The path of a file, without the query that loaders append to its URL; undefined for Node's own modules and other
 * non-files.
 */
export function toPath(file: string): string | undefined {
  const plain = file.replace(/[?#].*$/u, "");
  if (plain.startsWith("file:")) return process.getBuiltinModule("node:url").fileURLToPath(plain);
  return plain.startsWith("/") || /^[a-z]:[\\/]/iu.test(plain) ? plain : undefined;
}

function sitesOn(trace: Error): NodeJS.CallSite[] {
  const errors = Error as { prepareStackTrace?: (error: Error, sites: unknown) => unknown };
  const { prepareStackTrace } = errors;
  errors.prepareStackTrace = (_, sites) => sites;
  try {
    const sites = trace.stack as unknown;
    return Array.isArray(sites) ? (sites as NodeJS.CallSite[]) : [];
  } finally {
    errors.prepareStackTrace = prepareStackTrace;
  }
}

function pathOf(site: NodeJS.CallSite): string | undefined {
  const path = toPath(site.getFileName() ?? "");
  if (path !== undefined || !site.isEval()) return path;
  // Development bundles may evaluate their modules from strings: "eval at … (/path/bundle.js:1:2)".
  const [, file = ""] = /\(([^()]+?):\d+:\d+\)/u.exec(site.getEvalOrigin() ?? "") ?? [];
  return toPath(file);
}
