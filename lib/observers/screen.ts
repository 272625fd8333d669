import { widthOf } from "./text.js";

/** A terminal, such as `process.stdout`. */
export interface TerminalStream {
  readonly isTTY?: boolean;
  /** Its width. @defaultValue 80 */
  readonly columns?: number;
  /** Its height. @defaultValue 24 */
  readonly rows?: number;
  write(text: string): boolean;
  hasColors?(): boolean;
}

type Write = typeof process.stdout.write;

/**
 * The last lines of a terminal, which are painted again and again. What others write to stdout and stderr meanwhile
 * appears above them, line by line. The cursor stays visible, so that nothing is left behind by a process that is killed.
 */
export class Screen {
  private lines: readonly string[] = [];
  private readonly originals = new Map<TerminalStream, Write>();
  /** What others have written since the last line break. */
  private unfinished = "";

  constructor(private readonly terminal: TerminalStream) {
    const own = [process.stdout, process.stderr];
    if (!own.includes(terminal as never)) return;
    for (const stream of own) {
      if (stream.isTTY) this.takeOver(stream);
    }
  }

  get columns(): number {
    return Math.max(1, this.terminal.columns || 80);
  }

  get rows(): number {
    return Math.max(2, this.terminal.rows || 24);
  }

  /** Replaces the lines, each of which must be narrower than the terminal. */
  paint(lines: readonly string[]): void {
    const erasure = this.erasure();
    this.lines = lines;
    this.write(erasure + this.text());
  }

  /** Writes lines that stay, above the painted ones. */
  print(text: string): void {
    this.write(this.erasure() + text + this.text());
  }

  /** Erases the lines, and leaves the terminal to others. */
  close(): void {
    this.write(this.erasure() + this.unfinished);
    this.lines = [];
    for (const [stream, write] of this.originals) stream.write = write;
    this.originals.clear();
  }

  private takeOver(stream: NodeJS.WriteStream): void {
    // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with its stream, and restored
    this.originals.set(stream, stream.write);
    stream.write = (chunk: string | Uint8Array, encoding?: unknown, callback?: unknown) => {
      this.above(typeof chunk === "string" ? chunk : Buffer.from(chunk).toString());
      const done = typeof encoding === "function" ? encoding : callback;
      if (typeof done === "function") process.nextTick(done);
      return true;
    };
  }

  private above(chunk: string): void {
    const text = this.unfinished + chunk;
    const end = text.lastIndexOf("\n") + 1;
    this.unfinished = text.slice(end);
    if (end > 0) this.print(text.slice(0, end));
  }

  private write(text: string): void {
    if (text === "") return;
    const { terminal } = this;
    (this.originals.get(terminal) ?? terminal.write).call(terminal as never, text);
  }

  private text(): string {
    return this.lines.map((line) => `${line}\n`).join("");
  }

  /** Lines that were painted in a wider terminal have been broken since. */
  private erasure(): string {
    const rows = this.lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / this.columns)), 0);
    return rows === 0 ? "" : `\x1b[${rows}A\r\x1b[J`;
  }
}
