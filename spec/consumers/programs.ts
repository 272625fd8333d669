/** The programs that every tool runs: their sources, and what they print on success. */
import { readFileSync } from "node:fs";

export const PROGRAMS = ["example", "thread", "recorded"] as const;
export type Program = (typeof PROGRAMS)[number];
/** What a program did; "inline" for `thread` if not all of its nodes ran on threads. */
export type Outcome = Program | "inline";

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");

/** The page with the table of tools. */
export const INSTALL = read("../../docs/install.md");

const [, EXAMPLE = ""] = /```ts\n(.*?)```/su.exec(read("../../README.md")) ?? [];

const TEXTS: Readonly<Record<Program, string>> = {
  example: EXAMPLE,
  thread: read("programs/thread.ts"),
  recorded: read("programs/recorded.ts"),
};

const ON_THREAD = "on a worker, thread: undefined";
const INLINE = "on the main thread, inline: (?!undefined$).+";

/** The lines that each program prints in this order, among others. */
const LINES: Readonly<Record<Program, readonly RegExp[]>> = {
  example: Array.from(EXAMPLE.matchAll(/console\.log\(.*?\); \/\/ ([^,\n]+)/gu), ([, text]) => exactly(text)),
  thread: ["sums: 6", "squares: 14"].map((text) => new RegExp(`^${text} (?:${ON_THREAD}|${INLINE})$`, "u")),
  recorded: [exactly("recorded: down, 7 saved, loaded 1 time, served: completed")],
};

if (LINES.example.length === 0)
  throw new Error("The README's first example has no console.log with a comment that says what it prints.");

function exactly(text: string): RegExp {
  return new RegExp(`^${text.replace(/\W/gu, "\\$&")}$`);
}

/** The program as a script that runs its workflows at the end. */
export function scriptOf(program: Program): string {
  return TEXTS[program];
}

/** The program as a module for tests: its end becomes the function `main`. */
export function moduleOf(program: Program): string {
  const text = TEXTS[program];
  const end = text.search(/^(?=\S).*\bawait\b/mu);
  return `${text.slice(0, end)}export async function main() {\n${text.slice(end)}}\n`;
}

/** What a program did, by its output. @throws {Error} when it did not print what it should */
export function outcomeOf(program: Program, output: string): Outcome {
  const lines = output.split("\n").map((line) => line.trim());
  let from = 0;
  const found = LINES[program].map((expected) => {
    const at = lines.findIndex((line, i) => i >= from && expected.test(line));
    if (at < 0) throw new Error(`"${program}" did not print what ${expected} matches:\n${output}`);
    from = at + 1;
    return lines[at];
  });
  return program === "thread" && !found.every((line) => line.endsWith(ON_THREAD)) ? "inline" : program;
}
