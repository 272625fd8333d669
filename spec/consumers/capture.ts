import { spawn } from "node:child_process";

/** In ms. What takes this long hangs. */
const LIMIT = 300_000;

/** What a command prints; it is ended, with all that it started, when it takes too long. @throws {Error} unless it succeeds */
export function capture(
  [file, ...args]: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    let isLate = false;
    const child = spawn(file, args, { ...options, stdio: ["ignore", "pipe", "pipe"], detached: true });
    const timer = setTimeout(() => {
      isLate = true;
      process.kill(-(child.pid as number), "SIGKILL");
    }, LIMIT);
    const take = (data: Buffer) => (output += data.toString());
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      if (code === 0) return resolve(output);
      const end = isLate ? `did not end in ${LIMIT / 1000} s` : `ended with code ${code}`;
      reject(new Error(`${[file, ...args].join(" ")} ${end}:\n${output}`));
    });
  });
}
