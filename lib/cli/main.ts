import { CommanderError } from "commander";
import { explain } from "./explain.js";
import { Exit, exitCodeOf } from "./exit.js";
import { flush, watchReaders } from "./output.js";
import { program } from "./program.js";

/**
 * Runs one command, and ends the process with its exit code: 0 completed, 1 failed or invalid, 2 wrong usage, 3 paused or
 * put away, 130 interrupted.
 */
export async function main(args: readonly string[]): Promise<void> {
  watchReaders();
  process.exitCode = Exit.completed;
  try {
    await program().parseAsync(args, { from: "user" });
  } catch (error) {
    process.exitCode = error instanceof CommanderError ? codeOf(error) : exitCodeOf(error);
    if (!(error instanceof CommanderError)) explain(error);
  }
  await flush();
  // Users' modules may keep the process alive, with timers or connections.
  process.exit();
}

/** Help and version are no errors. */
function codeOf({ exitCode }: CommanderError): number {
  return exitCode === 0 ? Exit.completed : Exit.usage;
}
