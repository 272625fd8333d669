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
    for (const entry of [
      "index",
      "store",
      "service",
      "bullmq",
      "testing",
      "pictures",
      "observers",
      "otel",
      "backends",
      "studio",
    ]) {
      this.emitFile({ type: "asset", fileName: `${entry}.d.mts`, source: `export * from "./${entry}.cjs";\n` });
    }
  },
};

/** The licences of the packages that are bundled. */
const notices = (fileName: string) => ({
  name: "notices",
  generateBundle(this: Emitter, _: unknown, bundle: Record<string, File>) {
    const modules = Object.values(bundle).flatMap(({ moduleIds = [] }) => moduleIds);
    const folders = new Set(
      modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/u.exec(slashed(id))?.[0] ?? []),
    );
    const texts = Array.from(folders).sort().map(noticeOf);
    const source = ["These packages are part of the files in this folder.\n", ...texts].join(`\n${"-".repeat(80)}\n\n`);
    this.emitFile({ type: "asset", fileName, source });
  },
});

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
const bundled = [
  "commander",
  "croner",
  "fast-string-truncated-width",
  "get-tsconfig",
  "is-network-error",
  "js-tokens",
  "kysely",
  "lru-cache",
  "p-retry",
  "reflect-metadata",
  "resolve-pkg-maps",
];

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
const entry = ["lib/index.ts", "lib/store.ts", "lib/service.ts", "lib/bullmq.ts", "lib/testing.ts"];

/**
 * The entry points that are made of the others, and import them as they are built. If they shared files with them,
 * importing the library would load more of these.
 */
const outerEntry = ["lib/observers.ts", "lib/pictures.ts", "lib/otel.ts", "lib/backends.ts", "lib/studio.ts"];
const asBuilt = (extension: "mjs" | "cjs") => ({
  name: "as-built",
  resolveId(id: string, importer = "") {
    if (slashed(importer).includes("/node_modules/")) return null;
    const [, inner] = /^\.\.?\/(?:\.\.\/)*(index|store|service|bullmq)\.js$/u.exec(id) ?? [];
    return inner === undefined ? null : { id: `./${inner}.${extension}`, external: true };
  },
});

/** The files of the studio's page that are not code. */
const pageFiles = {
  name: "page-files",
  generateBundle(this: Emitter) {
    for (const fileName of ["index.html", "page.css"]) {
      this.emitFile({ type: "asset", fileName, source: readFileSync(`lib/studio/page/${fileName}`, "utf8") });
    }
  },
};

/** The declarations, of ES modules and of CommonJS. */
const types = defineConfig({
  ...shared,
  entry: [...entry, ...outerEntry],
  format: "esm",
  dts: { emitDtsOnly: true },
  outExtensions: () => ({ js: ".cjs", dts: ".d.cts" }),
  clean: false,
});

export default ({ dts }: { readonly dts?: unknown }) => [
  defineConfig({
    ...shared,
    entry,
    format: "esm",
    plugins: [ascii, lightCache(), ownMaps, typesOnce, notices("THIRD-PARTY-NOTICES.txt")],
    deps: { alwaysBundle, onlyBundle: bundled },
  }),
  defineConfig({ ...shared, entry, format: "cjs", sourcemap: false, plugins: [ascii, lightCache()], clean: false }),
  defineConfig({
    ...shared,
    entry: [...outerEntry, "lib/cli.ts"],
    format: "esm",
    plugins: [asBuilt("mjs"), ascii, ownMaps, notices("THIRD-PARTY-NOTICES.cli.txt")],
    deps: { alwaysBundle, onlyBundle: bundled },
    clean: false,
  }),
  defineConfig({
    ...shared,
    entry: outerEntry,
    format: "cjs",
    sourcemap: false,
    plugins: [asBuilt("cjs"), ascii],
    clean: false,
  }),
  // With --no-dts, it would write modules in the place of what CommonJS loads.
  ...(dts === false ? [] : [types]),
  // What worker threads load: one file, whichever way the library itself was loaded.
  defineConfig({
    ...shared,
    entry: { "thread-worker": "lib/backends/thread/thread-worker.ts" },
    format: "esm",
    plugins: [ascii, ownMaps],
    clean: false,
  }),
  // What the threads of sandboxes load.
  defineConfig({
    ...shared,
    entry: { "wasm-worker": "lib/wasm/wasm-worker.ts" },
    format: "esm",
    plugins: [ascii, ownMaps],
    clean: false,
  }),
  // What browsers load: one file, with the library that it is drawn by.
  defineConfig({
    ...shared,
    entry: { page: "lib/studio/page/main.tsx" },
    outDir: "dist/studio",
    tsconfig: "lib/studio/page/tsconfig.json",
    format: "esm",
    platform: "browser",
    target: "es2022",
    sourcemap: false,
    minify: true,
    outExtensions: () => ({ js: ".js" }),
    plugins: [pageFiles, notices("THIRD-PARTY-NOTICES.txt")],
    deps: { alwaysBundle: [/./u], onlyBundle: ["preact"] },
    clean: false,
  }),
];
