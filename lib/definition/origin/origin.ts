import { filesOn, toPath } from "../../base/call-sites.js";
import { isBundled, isOwn } from "../../base/own-files.js";

/**
 * The module that called into this library: what a worker imports to find a definition again.
 *
 * Making one costs about 2 µs, finding the module behind it some 20 µs, the first time it is asked for.
 */
export class Origin {
  private readonly trace: Error | undefined;
  private url: string | undefined;

  /** @param module - a file URL or path that is known; by default, that of the caller */
  constructor(module?: string) {
    if (module !== undefined) {
      this.url = toUrl(module);
      return;
    }
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 16;
    this.trace = new Error("origin");
    Error.stackTraceLimit = limit;
    // Bun's garbage collector writes stacks out, after which nothing is known of their calls.
    if (process.versions.bun !== undefined) this.url = callerIn(this.trace);
  }

  /** The module's file URL; undefined when it is no file. */
  get module(): string | undefined {
    return (this.url ??= this.trace && callerIn(this.trace));
  }
}

function callerIn(trace: Error): string | undefined {
  const files = filesOn(trace);
  // A bundle may have everything in one file, which is then the module itself.
  const path = files.find((file) => !isOwn(file)) ?? (isBundled() ? files[0] : undefined);
  return path === undefined ? undefined : urlOf(path);
}

function toUrl(module: string): string {
  const path = toPath(module);
  return path === undefined ? module : urlOf(path);
}

function urlOf(path: string): string {
  return process.getBuiltinModule("node:url").pathToFileURL(path).href;
}
