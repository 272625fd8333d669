import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "tsdown";

interface File {
  readonly fileName: string;
  readonly moduleIds?: readonly string[];
  source?: string | Uint8Array;
  code?: string;
}

interface Emitter {
  emitFile(file: { type: "asset"; fileName: string; source: string }): void;
}

/** A module's path with slashes, also on Windows. */
const slashed = (id: string) => id.replaceAll("\\", "/");

/** Escapes non-ASCII characters: Node loads pure ASCII faster, which saves a tenth of the import. */
const ascii = {
  name: "ascii",
  // Not in `renderChunk`, since the escapes would be undone after it.
  generateBundle(_: unknown, bundle: Record<string, File>) {
    const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
    for (const file of Object.values(bundle)) {
      if (/\.[cm]js$/u.test(file.fileName)) file.code = file.code?.replace(/[^\0-\x7f]/g, escaped);
    }
  },
};

/** Replace files of lru-cache that load modules of Node to time and trace entries, neither of which is used here. */
const stubs: Record<string, string> = {
  "perf.js": "export const defaultPerf = Date;",
  "diagnostics-channel.js": "export const metrics = { hasSubscribers: false }, tracing = metrics;",
};

/** @throws {Error} when the files that it replaces are not there, as in a version of lru-cache that renamed them */
export const lightCache = () => {
  const used = new Set<string>();
  return {
    name: "light-cache",
    resolveId: (id: string) =>
      id === "lru-cache" ? fileURLToPath(import.meta.resolve(id)).replace("index.min.js", "index.js") : null,
    transform: (_: string, id: string) => {
      const file = basename(id);
      const code = slashed(id).includes("/node_modules/lru-cache/") ? stubs[file] : undefined;
      if (code === undefined) return null;
      used.add(file);
      return { code, map: { mappings: "" } };
    },
    generateBundle() {
      const unused = Object.keys(stubs).filter((file) => !used.has(file));
      if (unused.length === 0) return;
      throw new Error(
        `lru-cache loads no ${unused.join(", ")}, which tsdown.config.ts replaces. Find its new name there.`,
      );
    },
  };
};

/** Source maps refer to our own sources, which are in the package, and not to those of dependencies. */
const ownMaps = {
  name: "own-maps",
  transform: (code: string, id: string) =>
    slashed(id).includes("/node_modules/") ? { code, map: { mappings: "" } } : null,
  generateBundle(_: unknown, bundle: Record<string, File>) {
    for (const file of Object.values(bundle)) {
      if (!file.fileName.endsWith(".map")) continue;
      file.source = JSON.stringify({ ...(JSON.parse(String(file.source)) as object), sourcesContent: undefined });
    }
  },
};

/** Types are emitted once, for CommonJS. Those of the ES modules re-export them. */
const typesOnce = {
  name: "types-once",
  generateBundle(this: Emitter) {
    for (const entry of ["index", "store"]) {
      this.emitFile({ type: "asset", fileName: `${entry}.d.mts`, source: `export * from "./${entry}.cjs";\n` });
    }
  },
};

/** The licences of the packages that are bundled. */
const notices = {
  name: "notices",
  generateBundle(this: Emitter, _: unknown, bundle: Record<string, File>) {
    const modules = Object.values(bundle).flatMap(({ moduleIds = [] }) => moduleIds);
    const folders = new Set(
      modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/u.exec(slashed(id))?.[0] ?? []),
    );
    const texts = Array.from(folders).sort().map(noticeOf);
    const source = ["These packages are part of the files in this folder.\n", ...texts].join(`\n${"-".repeat(80)}\n\n`);
    this.emitFile({ type: "asset", fileName: "THIRD-PARTY-NOTICES.txt", source });
  },
};

function noticeOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8")) as Record<
    string,
    string
  >;
  const files = readdirSync(folder).filter((file) => /^(?:licen[cs]e|copyright|notice)/iu.test(file));
  if (files.length === 0) throw new Error(`No licence file found in ${name}.`);
  const texts = files.map((file) => readFileSync(`${folder}/${file}`, "utf8").trim());
  return `${name} ${version} (${license})\n\n${texts.join("\n\n")}\n`;
}

/** Loading these as separate packages takes longer than loading them as part of our files. */
const bundled = ["is-network-error", "js-tokens", "kysely", "lru-cache", "p-retry", "reflect-metadata"];

const alwaysBundle = bundled.map((name) => new RegExp(`^${name}(?:/|$)`, "u"));

const shared = defineConfig({
  target: "node20",
  tsconfig: "lib/tsconfig.json",
  platform: "node",
  fixedExtension: true,
  sourcemap: true,
  dts: false,
  // The docstrings are in the types. Without them here, there is a fifth less to load at every start.
  outputOptions: { comments: { legal: true, annotation: true, jsdoc: false } },
  deps: { alwaysBundle, onlyBundle: false },
});
const entry = ["lib/index.ts", "lib/store.ts"];

export default [
  defineConfig({
    ...shared,
    entry,
    format: "esm",
    plugins: [ascii, lightCache(), ownMaps, typesOnce, notices],
    deps: { alwaysBundle, onlyBundle: bundled },
  }),
  defineConfig({ ...shared, entry, format: "cjs", dts: true, plugins: [ascii, lightCache(), ownMaps], clean: false }),
  // What worker threads load: one file, whichever way the library itself was loaded.
  defineConfig({
    ...shared,
    entry: { "thread-worker": "lib/backends/thread/thread-worker.ts" },
    format: "esm",
    plugins: [ascii, ownMaps],
    clean: false,
  }),
];
