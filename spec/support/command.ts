/** The command `dagwright`, run from its sources. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import { tsx } from "./scripts.js";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** What starts the command in a checkout. */
export const command = [process.execPath, tsx, join(root, "lib/cli.ts")];

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

/** A folder for the files of a spec; returns the path of one in it. */
export function files(): {
  readonly path: (name: string) => string;
  readonly write: (name: string, text: string) => string;
} {
  const folder = mkdtempSync(join(tmpdir(), "dagwright-cli-"));
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
