import { onAbort } from "../base/abort.js";
import { Exit } from "./exit.js";
import { complain } from "./output.js";

/** The signals that ask a process to end, as a person sends them. */
const SIGNALS = { SIGINT: Exit.interrupted, SIGTERM: Exit.terminated } as const;

/** Turns the first Ctrl-C into an abort. The second one ends the process at once. */
export class Interrupts {
  private readonly controller = new AbortController();
  private alive: NodeJS.Timeout | undefined;
  /** The exit code of a process that was interrupted; undefined if it was not. */
  code: number | undefined;

  constructor() {
    for (const signal of Object.keys(SIGNALS)) process.on(signal, this.onSignal);
  }

  /** Aborts with the first signal. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Resolves with the first signal. Keeps the process until then. */
  async first(): Promise<void> {
    this.alive ??= setInterval(() => {}, 2 ** 30);
    await new Promise((resolve) => onAbort(this.signal, resolve));
    clearInterval(this.alive);
  }

  /** Leaves signals to Node again. */
  close(): void {
    clearInterval(this.alive);
    for (const signal of Object.keys(SIGNALS)) process.off(signal, this.onSignal);
  }

  private readonly onSignal = (signal: keyof typeof SIGNALS): void => {
    if (this.code !== undefined) process.exit(this.code);
    this.code = SIGNALS[signal];
    complain("Stopping. Press Ctrl-C again to exit at once.");
    this.controller.abort("it was interrupted");
  };
}
