import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";
import { beforeAll, describe, expect, it } from "vitest";
import { anchorsOf, codeOf, linksOf, PAGES, peerCodeOf, ROOT } from "./support/pages.js";

const config = ts.readConfigFile(join(ROOT, "tsconfig.json"), (path) => ts.sys.readFile(path)).config as {
  compilerOptions: object;
};
const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT);

/** Those that show code of libraries that are installed here. */
const PEERS = PAGES.filter(({ path }) => /\/migration\/(?:xstate|bullmq-flows)\.md$/u.test(path));

const moduleOf = (path: string) => join(ROOT, path.replace(/\.md$/u, ".mts"));
const peerModuleOf = (path: string) => join(ROOT, path.replace(/\.md$/u, ".peer.mts"));
const modules = new Map([
  ...PAGES.map((page) => [moduleOf(page.path), codeOf(page)] as const),
  ...PEERS.map((page) => [peerModuleOf(page.path), peerCodeOf(page)] as const),
]);

/** One program for all pages, each of which is a module. */
function compile(): ts.Program {
  const host = ts.createCompilerHost(options, true);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (file, target, ...rest) => {
    const text = modules.get(file);
    return text === undefined ? read(file, target, ...rest) : ts.createSourceFile(file, text, target, true);
  };
  return ts.createProgram([...modules.keys()], { ...options, noUnusedLocals: false, noUnusedParameters: false }, host);
}

function problemsOf(program: ts.Program, module: string): string[] {
  const file = program.getSourceFile(module) as ts.SourceFile;
  const problems = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
  return problems.map(({ start = 0, messageText }) => {
    const { line } = ts.getLineAndCharacterOfPosition(file, start);
    return `${file.text.split("\n")[line]}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
  });
}

describe("Pages", () => {
  let program: ts.Program;
  beforeAll(() => {
    program = compile();
  });

  it.each(PAGES.filter((page) => codeOf(page) !== ""))("$path has code that compiles, as one module", ({ path }) => {
    expect(problemsOf(program, moduleOf(path))).toEqual([]);
  });

  it.each(PEERS)("$path shows code of the other library that compiles", ({ path }) => {
    expect(problemsOf(program, peerModuleOf(path))).toEqual([]);
  });

  it.each(PAGES)("$path links to files and headings that there are", (page) => {
    for (const link of linksOf(page)) {
      const [file, anchor] = link.split("#");
      const path = file === "" ? page.path : join(dirname(page.path), file);
      expect(existsSync(join(ROOT, path)), link).toBe(true);
      if (anchor === undefined) continue;
      const target = PAGES.find((other) => other.path === path);
      expect(target === undefined ? [] : anchorsOf(target), link).toContain(anchor);
    }
  });
});
