/**
 * Where this library's files are: in an installed package, in a checkout, or in somebody's bundle. The stack tells, and not
 * `import.meta.url`, for which bundlers put nothing, or where a file was when they read it.
 */
import { filesOn } from "./call-sites.js";

const NAME = "dagwright";
/** As in package.json. */
export const VERSION = "0.1.0";

/** The folders of the package. */
const SOURCES = "lib";
const BUILT = "dist";
/** Only a checkout has it. */
const SOURCE_WORKER = "lib/backends/thread/thread-worker.dev.mjs";

interface Home {
  /** The file that this code is in; undefined where it is in none. */
  readonly file: string | undefined;
  /** The folder of the package that it is in; undefined in a bundle. */
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
  // Deno names the source that a built file was made of, by the source map.
  const root = path.join(file, file.endsWith(".ts") ? "../../.." : "../..");
  return { file, root: manifestAt(path.join(root, "package.json"))?.name === NAME ? root : undefined };
}

function manifestAt(path: string): Manifest | undefined {
  try {
    return JSON.parse(process.getBuiltinModule("node:fs").readFileSync(path, "utf8")) as Manifest;
  } catch {
    return undefined; // There is none, or it is no package's.
  }
}

/** Whether a file is one of the library's, or the bundle that it is in. */
export function isOwn(path: string): boolean {
  const { file, root } = home();
  if (root === undefined) return path === file;
  const { sep } = process.getBuiltinModule("node:path");
  return [BUILT, SOURCES].some((folder) => path.startsWith(root + sep + folder + sep));
}

/** Whether the library is part of somebody's bundle. */
export function isBundled(): boolean {
  return home().root === undefined;
}

/** Loads a package when it is needed, without bundlers seeing it. @param from - where the search begins */
export function load(name: string, from = home().root ?? home().file ?? process.cwd()): unknown {
  return requireAt(from)(name);
}

/**
 * What worker threads execute. In a checkout the worker's own source has to be translated first.
 * @throws {Error} in a bundle that finds no installed package
 */
export function workerUrl(): string {
  const { file, root = ownFolder() } = home();
  const path = process.getBuiltinModule("node:path");
  const source = path.join(root, SOURCE_WORKER);
  const isSource = file?.endsWith(".ts") === true && process.getBuiltinModule("node:fs").existsSync(source);
  const worker = isSource ? source : path.join(root, BUILT, "thread-worker.mjs");
  return process.getBuiltinModule("node:url").pathToFileURL(worker).href;
}

/**
 * The folder of the package, for what has to be a file. From within a bundle, that of the installed one.
 * @throws {Error} when there is none, or one of another version
 */
export function ownFolder(): string {
  const { file, root } = home();
  if (root !== undefined) return root;
  let manifest: string;
  try {
    manifest = requireAt(file ?? process.cwd()).resolve(`${NAME}/package.json`);
  } catch {
    throw new Error(
      `${NAME} is part of a bundle, and its worker file is not. Install ${NAME} where the bundle runs, or keep it out of ` +
        `the bundle as an external package`,
    );
  }
  const found = manifestAt(manifest)?.version;
  if (found === VERSION) return process.getBuiltinModule("node:path").dirname(manifest);
  throw new Error(`a bundle holds ${NAME} ${VERSION}, but ${found} is installed where it runs. Build the bundle anew`);
}

function requireAt(path: string): NodeJS.Require {
  const { createRequire } = process.getBuiltinModule("node:module");
  return createRequire(process.getBuiltinModule("node:path").join(path, "_"));
}
