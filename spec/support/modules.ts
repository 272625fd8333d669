import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import load from "wabt";

const FOLDER = new URL("../fixtures/wasm/", import.meta.url);

/** The file of a module among the fixtures. */
export function moduleFile(name: string): string {
  return fileURLToPath(new URL(`${name}.wasm`, FOLDER));
}

/** The names of the modules that have a text form. */
export function moduleNames(): string[] {
  return readdirSync(FOLDER).flatMap((file) => /^(.*)\.wat$/u.exec(file)?.[1] ?? []);
}

/** A module from its text form. */
export async function assembled(text: string): Promise<Uint8Array> {
  const wabt = await load();
  const parsed = wabt.parseWat("module.wat", text, { multi_value: true, bulk_memory: true });
  try {
    return parsed.toBinary({}).buffer;
  } finally {
    parsed.destroy();
  }
}

/** A module of the fixtures, from its text form. */
export function builtModule(name: string): Promise<Uint8Array> {
  return assembled(readFileSync(new URL(`${name}.wat`, FOLDER), "utf8"));
}

/** Builds all modules of the fixtures: `npx tsx spec/support/modules.ts`. */
async function build(): Promise<void> {
  for (const name of moduleNames()) writeFileSync(moduleFile(name), await builtModule(name));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
