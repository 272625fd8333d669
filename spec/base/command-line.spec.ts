import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { commandLine } from "../../lib/base/command-line.js";

/** How programs of Windows read their command line (`CommandLineToArgvW`, and the C runtime). */
function argumentsIn(line: string): string[] {
  const found: string[] = [];
  let current: string | undefined;
  let isQuoted = false;
  for (let i = 0; i < line.length; i++) {
    const slashes = /^\\*/u.exec(line.slice(i))?.[0].length ?? 0;
    if (slashes > 0) {
      const beforeQuote = line[i + slashes] === '"';
      current = (current ?? "") + "\\".repeat(beforeQuote ? Math.floor(slashes / 2) : slashes);
      i += slashes - 1;
      if (!beforeQuote || slashes % 2 === 0) continue;
      current += '"';
      i++;
    } else if (line[i] === '"') {
      current ??= "";
      if (isQuoted && line[i + 1] === '"') {
        current += '"';
        i++;
      } else isQuoted = !isQuoted;
    } else if (line[i] === " " && !isQuoted) {
      if (current !== undefined) found.push(current);
      current = undefined;
    } else current = (current ?? "") + line[i];
  }
  return current === undefined ? found : [...found, current];
}

const texts = fc.array(fc.string({ unit: fc.constantFrom("a", " ", '"', "'", "\\", "=", "é", "$", "{") }), {
  maxLength: 4,
});

describe("A command line to copy", () => {
  it("is read by programs of Windows as it was meant", () => {
    fc.assert(
      fc.property(texts, (args) => {
        expect(argumentsIn(commandLine(args, true)).slice(1)).toEqual(args);
      }),
    );
    const paths = ["run", "C:\\Users\\Ada Lovelace\\flows\\", "--store", "C:\\runs.db"];
    expect(commandLine(paths, true)).toBe('dagwright run "C:\\Users\\Ada Lovelace\\flows\\\\" --store "C:\\runs.db"');
  });

  it("is read by shells as it was meant", () => {
    const args = ["run", "it's", 'a "b"', "$HOME", "\\", "", "a b", 'order={"id":17}'];
    const ask = commandLine(args, false).replace("dagwright", `printf '%s\\n'`);
    expect(execFileSync("sh", ["-c", ask], { encoding: "utf8" })).toBe(`${args.join("\n")}\n`);
  });
});
