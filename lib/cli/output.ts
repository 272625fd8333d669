/** What commands write. A reader that closes the pipe early, like `head`, is not an error: the rest is dropped. */
import { inspect } from "node:util";
import { styleOf, type Line } from "../observers/style.js";
import { fit, printable } from "../observers/text.js";

const { stdout, stderr } = process;
// eslint-disable-next-line @typescript-eslint/unbound-method -- called with its stream
const write = stdout.write;
let isKept = false;

const left = new AbortController();

/** Aborts when stdout has no reader left. */
export const readerLeft = left.signal;

/** Makes a closed stdout or stderr end the output instead of the process. */
export function watchReaders(): void {
  for (const stream of [stdout, stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
      if (stream === stdout) left.abort();
    });
  }
}

/** From now on, stdout is for {@link print}: what users' code writes there goes to stderr. */
export function keepStdout(): void {
  isKept = true;
  stdout.write = (chunk: string | Uint8Array, ...rest: any[]) => stderr.write(chunk, ...(rest as []));
}

/** Writes a line to stdout. */
export function print(line: string): void {
  if (left.signal.aborted) return;
  if (isKept) write.call(stdout, `${line}\n`);
  else stdout.write(`${line}\n`);
}

/** Writes bytes to stdout. */
export function printBytes(bytes: Uint8Array): void {
  if (!left.signal.aborted) write.call(stdout, bytes as never);
}

/** Writes a line of pieces, cut to the width of a terminal. */
export function printLine(line: Line): void {
  print(styleOf(stdout).render(line, columns()));
}

/** Writes a line to stderr. */
export function complain(line: string): void {
  stderr.write(`${line}\n`);
}

/** The width of the terminal, or Infinity if there is none. */
export function columns(): number {
  return stdout.isTTY && stdout.columns > 0 ? stdout.columns : Infinity;
}

/** Lines for people of at most this many characters, and of at most so many of a value. */
const MOST_LINES = 40;
const MOST_CHARACTERS = 10_000;

/** A value for people: of a large one the beginning. Control characters are escaped. */
export function shown(value: unknown): string {
  const text =
    typeof value === "string"
      ? value.slice(0, MOST_CHARACTERS + 1)
      : inspect(value, { depth: 4, maxArrayLength: 20, maxStringLength: 1000, breakLength: Math.min(120, columns()) });
  const lines = text.split("\n");
  const isLong = lines.length > MOST_LINES || text.length > MOST_CHARACTERS;
  const some = lines.slice(0, MOST_LINES).map((line) => fit(printable(line.slice(0, MOST_CHARACTERS)), 2000));
  return isLong ? `${some.join("\n")}\n… (more with --output)` : some.join("\n");
}

/** Resolves when everything is written, or no reader is left. */
export async function flush(): Promise<void> {
  await Promise.all([
    drained(stdout, (done) => write.call(stdout, "", done as never)),
    drained(stderr, (done) => stderr.write("", done)),
  ]);
}

function drained(stream: NodeJS.WriteStream, afterAll: (done: () => void) => void): Promise<void> {
  if (stream.destroyed || stream.writableEnded || !stream.writable) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once("close", resolve);
    afterAll(() => resolve());
  });
}
