import { spawn, spawnSync } from "node:child_process";

/** In ms. A command that takes this long hangs. */
const LIMIT = 300_000;

/** On Windows, commands of packages are batch files, which need a shell, and processes form no groups. */
const isWindows = process.platform === "win32";

/**
 * The output of a command. One that takes too long is killed, with every process that it started.
 * @throws {Error} unless it succeeds
 */
export function capture(
  command: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    let isLate = false;
    const [file, ...args] = isWindows ? command.map((word) => `"${word}"`) : command;
    const child = spawn(file, args, {
      ...options,
      stdio: ["ignore", "pipe", "pipe"],
      shell: isWindows,
      detached: !isWindows,
    });
    const timer = setTimeout(() => {
      isLate = true;
      end(child.pid as number);
    }, LIMIT);
    const take = (data: Buffer) => (output += data.toString());
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      if (code === 0) return resolve(output);
      const reason = isLate ? `did not end in ${LIMIT / 1000} s` : `ended with code ${code}`;
      reject(new Error(`${command.join(" ")} ${reason}:\n${output}`));
    });
  });
}

/** Ends a command with all that it started. */
function end(pid: number): void {
  if (isWindows) spawnSync("taskkill", ["/pid", `${pid}`, "/t", "/f"]);
  else process.kill(-pid, "SIGKILL");
}
