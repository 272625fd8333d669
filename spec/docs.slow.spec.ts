import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const names = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"));
const pages = names.map((name) => join(root, "docs", name));

const config = ts.readConfigFile(join(root, "tsconfig.json"), (path) => ts.sys.readFile(path)).config as {
  compilerOptions: object;
};
const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);

/** The problems of a module. */
function problemsOf(text: string): string[] {
  const name = join(root, "docs/page.mts");
  const host = ts.createCompilerHost(options, true);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (file, target, ...rest) =>
    file === name ? ts.createSourceFile(file, text, target, true) : read(file, target, ...rest);
  const program = ts.createProgram([name], { ...options, noUnusedLocals: false, noUnusedParameters: false }, host);
  const file = program.getSourceFile(name);
  const problems = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
  return problems.map(({ start = 0, messageText }) => {
    const { line } = ts.getLineAndCharacterOfPosition(file as ts.SourceFile, start);
    return `${text.split("\n")[line]}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
  });
}

const anchorsOf = (text: string) =>
  Array.from(text.matchAll(/^#+ (.*)$/gmu), ([, heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\w -]/gu, "")
      .replaceAll(" ", "-"),
  );

describe.each(pages)("%s", (page) => {
  const text = readFileSync(page, "utf8");

  it("has code that compiles, as one module from top to bottom", () => {
    const blocks = Array.from(text.matchAll(/^```ts\n(.*?)^```$/gmsu), ([, block]) => block);
    expect(blocks.length).toBeGreaterThan(0);
    expect(problemsOf(blocks.join("\n"))).toEqual([]);
  });

  it("links to files and headings that there are", () => {
    const links = Array.from(text.matchAll(/\]\(([^)\s]+)\)/gu), ([, link]) => link.split("#"));
    expect(links).not.toEqual([]);
    for (const [file, anchor] of links) {
      const target = file === "" ? page : join(dirname(page), file);
      expect(existsSync(target), target).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(readFileSync(target, "utf8"))).toContain(anchor);
    }
  });
});
