/**
 * A command line of dagwright for people to copy: arguments with blanks and the like are in quotes. Pure.
 * @param isWindows - whether they are quoted as on Windows
 */
export function commandLine(args: readonly string[], isWindows: boolean): string {
  return ["dagwright", ...args].map((arg) => quoted(arg, isWindows)).join(" ");
}

function quoted(arg: string, isWindows: boolean): string {
  if (/^[\w@%+=:,./…-]+$/u.test(arg)) return arg;
  // eslint-disable-next-line no-control-regex -- these are searched for
  if (/[\u0000-\u001f\u007f-\u009f]/u.test(arg)) return JSON.stringify(arg);
  return isWindows ? quotedForWindows(arg) : `'${arg.replaceAll("'", "'\\''")}'`;
}

/** Programs of Windows take a backslash before a quote for an escape, and two of them for one. */
function quotedForWindows(arg: string): string {
  return `"${arg.replace(/(\\*)"/gu, '$1$1""').replace(/\\+$/u, "$&$&")}"`;
}
