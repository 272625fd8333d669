/**
 * Locates this library's files: in an installed package, a checkout, or a user's bundle. It reads the stack, since
 * bundlers replace `import.meta.url` with nothing, or with the path on the machine that made the bundle.
 */
import { filesOn } from "./call-sites.js";

const NAME = "dagwright";
/** As in package.json. */
export const VERSION = "0.1.0";

/** The package's folders. */
const SOURCES = "lib";
const BUILT = "dist";
/** The files of worker threads: as they are built, and in a checkout, where they are not published. */
const WORKERS = {
  thread: { built: "thread-worker.mjs", source: "lib/backends/thread/thread-worker.dev.mjs" },
  wasm: { built: "wasm-worker.mjs", source: "lib/wasm/wasm-worker.dev.mjs" },
};

interface Home {
  /** The file that contains this code; undefined if it is not in a file. */
  readonly file: string | undefined;
  /** The package's root folder; undefined in a bundle. */
  readonly root: string | undefined;
}

interface Manifest {
  readonly name?: string;
  readonly version?: string;
}

let known: Home | undefined;

function home(): Home {
  return (known ??= findHome());
}

function findHome(): Home {
  const path = process.getBuiltinModule("node:path");
  const [file] = filesOn(new Error("own file"));
  if (file === undefined) return { file, root: undefined };
  // Deno applies source maps, and so names the source of a built file.
  const root = path.join(file, file.endsWith(".ts") ? "../../.." : "../..");
  return { file, root: manifestAt(path.join(root, "package.json"))?.name === NAME ? root : undefined };
}

function manifestAt(path: string): Manifest | undefined {
  try {
    return JSON.parse(process.getBuiltinModule("node:fs").readFileSync(path, "utf8")) as Manifest;
  } catch {
    return undefined; // Missing, or not valid JSON.
  }
}

/** Whether a file belongs to the library, or is the bundle that contains it. */
export function isOwn(path: string): boolean {
  const { file, root } = home();
  if (root === undefined) return path === file;
  const { sep } = process.getBuiltinModule("node:path");
  return [BUILT, SOURCES].some((folder) => path.startsWith(root + sep + folder + sep));
}

/** Whether the library is part of a user's bundle. */
export function isBundled(): boolean {
  return home().root === undefined;
}

/** Whether the library runs from its sources, in a checkout. */
export function isSource(): boolean {
  return home().file?.endsWith(".ts") === true;
}

/** Loads a package on first use, hidden from bundlers. @param from - where the search begins */
export function load(name: string, from = home().root ?? home().file ?? process.cwd()): unknown {
  return requireAt(from)(name);
}

/**
 * The URL of the file that worker threads execute. A checkout uses a file that compiles the worker's source first.
 * @throws {Error} in a bundle without an installed package
 */
export function workerUrl(kind: keyof typeof WORKERS = "thread"): string {
  const { file, root = ownFolder() } = home();
  const path = process.getBuiltinModule("node:path");
  const source = path.join(root, WORKERS[kind].source);
  const isSource = file?.endsWith(".ts") === true && process.getBuiltinModule("node:fs").existsSync(source);
  const worker = isSource ? source : path.join(root, BUILT, WORKERS[kind].built);
  return process.getBuiltinModule("node:url").pathToFileURL(worker).href;
}

/**
 * The package's root folder; in a bundle, that of the installed package.
 * @throws {Error} when no package is installed, or one of another version
 */
export function ownFolder(): string {
  const { file, root } = home();
  if (root !== undefined) return root;
  let manifest: string;
  try {
    manifest = requireAt(file ?? process.cwd()).resolve(`${NAME}/package.json`);
  } catch {
    throw new Error(
      `${NAME} is part of a bundle, but its worker file is not. Install ${NAME} where the bundle runs, or keep it out of ` +
        `the bundle as an external package`,
    );
  }
  const found = manifestAt(manifest)?.version;
  if (found === VERSION) return process.getBuiltinModule("node:path").dirname(manifest);
  throw new Error(`a bundle holds ${NAME} ${VERSION}, but ${found} is installed where it runs. Rebuild the bundle`);
}

function requireAt(path: string): NodeJS.Require {
  const { createRequire } = process.getBuiltinModule("node:module");
  return createRequire(process.getBuiltinModule("node:path").join(path, "_"));
}
