/**
 * Where this library's files are: in an installed package, in a checkout, or in somebody's bundle. The stack tells, and not
 * `import.meta.url`, for which bundlers put nothing, or where a file was when they read it.
 */
import { filesOn } from "./call-sites.js";

const NAME = "dagwright";
/** As in package.json. */
export const VERSION = "0.1.0";

interface Home {
  /** The file that this code is in; undefined where it is in none. */
  readonly file: string | undefined;
  /** The folder of the library's files; undefined in a bundle. */
  readonly folder: string | undefined;
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
  if (file === undefined) return { file, folder: undefined };
  const folder = path.dirname(file);
  if (file.endsWith(".ts")) return { file, folder: path.dirname(folder) };
  return { file, folder: manifestAt(path.join(folder, "../package.json"))?.name === NAME ? folder : undefined };
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
  const { file, folder } = home();
  return folder === undefined ? path === file : path.startsWith(folder + process.getBuiltinModule("node:path").sep);
}

/** Whether the library is part of somebody's bundle. */
export function isBundled(): boolean {
  return home().folder === undefined;
}

/** Whether these are sources, which have to be translated. */
export function isCheckout(): boolean {
  return home().file?.endsWith(".ts") === true;
}

/** Loads a package when it is needed, without bundlers seeing it. @param from - where the search begins */
export function load(name: string, from = home().folder ?? home().file ?? process.cwd()): unknown {
  return requireAt(from)(name);
}

/**
 * The folder of the library's files, for what has to be a file. From within a bundle, that of the installed package.
 * @throws {Error} when there is none, or one of another version
 */
export function ownFolder(): string {
  const { file, folder } = home();
  if (folder !== undefined) return folder;
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
  if (found === VERSION) return process.getBuiltinModule("node:path").join(manifest, "../dist");
  throw new Error(`a bundle holds ${NAME} ${VERSION}, but ${found} is installed where it runs. Build the bundle anew`);
}

function requireAt(path: string): NodeJS.Require {
  const { createRequire } = process.getBuiltinModule("node:module");
  return createRequire(process.getBuiltinModule("node:path").join(path, "_"));
}
