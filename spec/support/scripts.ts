import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { builtPackage, cache } from "./built-package.js";

export const tsx = createRequire(import.meta.url).resolve("tsx/cli");

/**
 * Loaded before a script: timers of `limit` ms fire `times` as early, and the last line says how many did. So specs
 * don't wait for time limits, and know without a clock whether one was reached.
 */
const hurry = (limit: number, times: number) => `
  const { isMainThread } = require("node:worker_threads");
  const { setTimeout } = globalThis;
  let over = 0;
  const counted = (callback) => () => (over++, callback());
  if (isMainThread) {
    globalThis.setTimeout = (callback, ms, ...rest) =>
      ms === ${limit} ? setTimeout(counted(callback), ms / ${times}) : setTimeout(callback, ms, ...rest);
    process.on("exit", () => console.log(over + " limits"));
  }`;

/** A folder for scripts, with the package installed from a build of this checkout. */
export class Scripts {
  private folder = "";

  constructor() {
    beforeAll(() => {
      const built = builtPackage();
      this.folder = mkdtempSync(join(cache, "scripts-"));
      cpSync(join(built, "node_modules"), join(this.folder, "node_modules"), { recursive: true });
      this.write("tsconfig.json", JSON.stringify({ compilerOptions: { target: "ES2022", module: "NodeNext" } }));
    });
    afterAll(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  /** Writes a file beside the scripts; returns its path. */
  write(file: string, source: string): string {
    const path = join(this.folder, file);
    writeFileSync(path, source);
    return path;
  }

  /** Writes a file to be loaded before a script; returns the flags for that. */
  preload(file: string, source: string): string[] {
    return ["--require", this.write(file, source)];
  }

  /** The flags for a script that reaches a limit, see {@link hurry}. */
  hurry(limit: number): string[] {
    return this.preload(`hurry-${limit}.cjs`, hurry(limit, 20));
  }

  /** The flags for a script that reaches no such limit, however busy the machine is. */
  count(limit: number): string[] {
    return this.preload(`count-${limit}.cjs`, hurry(limit, 1));
  }

  /** Runs a script, which has to end by itself; returns its output as lines. @param args - of the script */
  async run(file: string, source: string, flags: string[] = [], args: string[] = []): Promise<string[]> {
    const path = this.write(file, source);
    const child = spawn(process.execPath, [...flags, path, ...args], { cwd: this.folder, timeout: 300_000 });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += String(text)));
    const end = await new Promise((resolve) => child.on("close", (code, signal) => resolve(signal ?? code)));
    if (end !== 0) throw new Error(`${file} ended with ${String(end)}: ${output}`);
    return output.trimEnd().split("\n");
  }
}
