/** Programs in a pseudo terminal, made by `script` of util-linux, and what a person sees there. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import headless from "@xterm/headless";
import { until } from "./waiting.js";

/** Whether this machine can make pseudo terminals. */
export const hasTerminals = spawnSync("script", ["--version"]).stdout?.toString().includes("util-linux") === true;

export interface TerminalOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/** A terminal in which one program runs. */
export class Terminal {
  /** The exit code of the program. */
  readonly ended: Promise<number>;
  /** All that it has written. */
  output = "";
  private readonly screen: InstanceType<typeof headless.Terminal>;
  private readonly child: ChildProcess;
  private readonly folder = mkdtempSync(join(tmpdir(), "dagwright-terminal-"));

  constructor(command: readonly string[], options: TerminalOptions = {}) {
    const { columns = 80, rows = 24, cwd, env } = options;
    this.screen = new headless.Terminal({ cols: columns, rows, allowProposedApi: true, convertEol: false });
    const line = `tty > ${quoted(this.file)}; stty cols ${columns} rows ${rows}; exec ${command.map(quoted).join(" ")}`;
    this.child = spawn("script", ["-qefc", line, "/dev/null"], {
      cwd,
      env: { ...process.env, NO_COLOR: "", TERM: "xterm-256color", ...env },
    });
    this.child.stdout?.on("data", (data: Buffer) => {
      this.output += data.toString();
      this.screen.write(data);
    });
    this.ended = new Promise((resolve) => this.child.on("close", (code) => resolve(code ?? -1)));
    void this.ended.then(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  private get file(): string {
    return join(this.folder, "tty");
  }

  /** What is on the screen and above it, as lines without the blanks at their ends. */
  async lines(): Promise<string[]> {
    await new Promise<void>((resolve) => this.screen.write("", resolve));
    const { buffer } = this.screen;
    const lines = Array.from(
      { length: buffer.active.length },
      (_, i) => buffer.active.getLine(i)?.translateToString(true) ?? "",
    );
    return lines.slice(0, lines.findLastIndex((text) => text !== "") + 1);
  }

  /** Waits until a text is on the screen or above it. */
  async shows(text: string | RegExp): Promise<void> {
    await until(async () => {
      const all = (await this.lines()).join("\n");
      return typeof text === "string" ? all.includes(text) : text.test(all);
    });
  }

  type(text: string): void {
    this.child.stdin?.write(text);
  }

  /** Presses Ctrl-C. */
  interrupt(): void {
    this.type("\x03");
  }

  resize(columns: number, rows: number): void {
    const tty = readFileSync(this.file, "utf8").trim();
    this.screen.resize(columns, rows);
    spawnSync("stty", ["-F", tty, "cols", String(columns), "rows", String(rows)]);
  }
}
