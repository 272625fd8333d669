/** A command line for people to copy: arguments with blanks and the like are in quotes. */
export function commandLine(...args: readonly string[]): string {
  return ["dagwright", ...args].map(quoted).join(" ");
}

function quoted(arg: string): string {
  if (/^[\w@%+=:,./…-]+$/u.test(arg)) return arg;
  // eslint-disable-next-line no-control-regex -- these are to be found
  if (/[\u0000-\u001f\u007f-\u009f]/u.test(arg)) return JSON.stringify(arg);
  return process.platform === "win32" ? `"${arg.replaceAll('"', '""')}"` : `'${arg.replaceAll("'", "'\\''")}'`;
}
