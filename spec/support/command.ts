/** The command `dagwright`, from a build of this checkout. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import { builtPackage } from "./built-package.js";

export const root = fileURLToPath(new URL("../..", import.meta.url));

const built = builtPackage();

/** What starts the command. */
export const command = [process.execPath, join(built, "node_modules/dagwright/dist/cli.mjs")];

// The command imports modules of specs with tsx, and these import the build as well.
process.env["TSX_TSCONFIG_PATH"] = join(built, "tsconfig.json");

/** The path of a module with workflows. */
export const flow = (name: string) => join("spec/cli/flows", `${name}.ts`);

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command to its end, without a terminal. */
export async function dagwright(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  const [program, ...rest] = [...command, ...args];
  const child = spawn(program, rest, { cwd: root, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data) => (stdout += String(data)));
  child.stderr.on("data", (data) => (stderr += String(data)));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, stdout, stderr };
}

/** A folder for the files of a spec, where `dagwright` can be imported; returns the path of one in it. */
export function files(): {
  readonly path: (name: string) => string;
  readonly write: (name: string, text: string) => string;
} {
  const folder = mkdtempSync(join(tmpdir(), "dagwright-cli-"));
  const packages = join(folder, "node_modules");
  mkdirSync(packages);
  symlinkSync(join(built, "node_modules/dagwright"), join(packages, "dagwright"), "junction");
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const path = (name: string) => join(folder, name);
  return {
    path,
    write(name, text) {
      writeFileSync(path(name), text);
      return path(name);
    },
  };
}
