/** What every tool gets to run: the programs' texts, and what they print when all is well. */
import { readFileSync } from "node:fs";

export const PROGRAMS = ["example", "thread", "recorded"] as const;
export type Program = (typeof PROGRAMS)[number];
/** What a program did: "inline" where it ran no node on a thread. */
export type Outcome = Program | "inline";

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");

export const README = read("../../README.md");
const [, EXAMPLE = ""] = /```ts\n(.*?)```/su.exec(README) ?? [];

const TEXTS: Readonly<Record<Program, string>> = {
  example: EXAMPLE,
  thread: read("programs/thread.ts"),
  recorded: read("programs/recorded.ts"),
};

const ON_THREAD = "on a worker, thread: undefined";
const INLINE = "on the main thread, inline: (?!undefined$).+";

/** In this order, with anything between them. */
const LINES: Readonly<Record<Program, readonly RegExp[]>> = {
  example: Array.from(EXAMPLE.matchAll(/console\.log\(.*?\); \/\/ ([^,\n]+)/gu), ([, text]) => exactly(text)),
  thread: ["sums: 6", "squares: 14"].map((text) => new RegExp(`^${text} (?:${ON_THREAD}|${INLINE})$`, "u")),
  recorded: [exactly("recorded: down, 7 saved, loaded 1 time")],
};

if (LINES.example.length === 0) throw new Error("The README's first example prints nothing that could be looked for.");

function exactly(text: string): RegExp {
  return new RegExp(`^${text.replace(/\W/gu, "\\$&")}$`);
}

/** A script, which runs its workflows at its end. */
export function scriptOf(program: Program): string {
  return TEXTS[program];
}

/** The same as a module for tests: what it does at its end is in a function `main`. */
export function moduleOf(program: Program): string {
  const text = TEXTS[program];
  const end = text.search(/^(?=\S).*\bawait\b/mu);
  return `${text.slice(0, end)}export async function main() {\n${text.slice(end)}}\n`;
}

/** @throws {Error} when it did not print what it should */
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
