import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const folder = fileURLToPath(new URL(".", import.meta.url));
const root = join(folder, "../..");

const config = ts.readConfigFile(join(root, "tsconfig.json"), (path) => ts.sys.readFile(path)).config as {
  compilerOptions: object;
};
const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);

/** Parsed files, shared by all programs. */
const files = new Map<string, ts.SourceFile | undefined>();

/**
 * Checks files, but not their imports. Returns the problems, and the cost.
 * @param texts - the sources of the first files, if given
 */
function check(
  names: readonly string[],
  experimentalDecorators: boolean,
  texts: readonly string[] = [],
  more: ts.CompilerOptions = {},
) {
  const host = ts.createCompilerHost(options, true);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (name, target, ...rest) => {
    const given = names.indexOf(name);
    if (given >= 0 && given < texts.length) return ts.createSourceFile(name, texts[given], target, true);
    if (!files.has(name)) files.set(name, read(name, target, ...rest));
    return files.get(name);
  };
  const decorators = { experimentalDecorators, emitDecoratorMetadata: experimentalDecorators };
  const program = ts.createProgram(names, { ...options, ...decorators, ...more }, host);
  const problems = names.flatMap((name) => {
    const file = program.getSourceFile(name);
    const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    return more.declaration === true ? [...found, ...program.getDeclarationDiagnostics(file)] : found;
  });
  // Not part of the compiler's public API; --extendedDiagnostics prints these.
  const costs = program as unknown as {
    getInstantiationCount(): number;
    getRelationCacheSizes(): { readonly assignable: number };
  };
  return {
    problems: problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n")),
    instantiations: costs.getInstantiationCount(),
    comparisons: costs.getRelationCacheSizes().assignable,
  };
}

describe.each([
  ["standard", false],
  ["legacy", true],
])("The compiler, with %s decorators,", (_, legacy) => {
  it("accepts valid workflows, and refuses invalid ones", () => {
    const names = [
      "builder",
      "choices",
      "class",
      "forks",
      "generic",
      "live",
      "item-streams",
      "maps",
      "members",
      "nesting",
      "runs",
      "schemas",
      "services",
      "states",
      "streams",
      "transforms",
    ].map((name) => join(folder, `${name}.ts`));
    expect(check(names, legacy).problems).toEqual([]);
    const broken = `const answer: number = "42";\n// @ts-expect-error\nexport const fine: number = answer;\n`;
    expect(check([join(folder, "broken.ts")], legacy, [broken]).problems).toEqual([
      "Type 'string' is not assignable to type 'number'.",
      "Unused '@ts-expect-error' directive.",
    ]);
  });

  it("accepts undefined options under exactOptionalPropertyTypes", () => {
    const file = join(folder, "undefined.ts");
    const exact = { exactOptionalPropertyTypes: true };
    expect(check([file], legacy, [], exact).problems).toEqual([]);
    const wrong = "export type Wrong = True<Accepts<{ option?: number }>>;";
    expect(check([file], legacy, [`${readFileSync(file, "utf8")}${wrong}`], exact).problems).toEqual([
      expect.stringContaining("does not satisfy the constraint 'true'"),
    ]);
  });

  it("asks for an instance if the constructor takes arguments, and infers the parameters of fallbacks", () => {
    const text = [
      'import { Dag, node } from "dagwright";',
      "class A {",
      "  constructor(readonly x: number) {}",
      "  @node({ fallback: (error, ctx) => `${ctx.runId}: ${String(error)}` }) a() { return `${this.x}`; }",
      "}",
      "Dag.from(A);",
    ].join("\n");
    expect(check([join(folder, "given.ts")], legacy, [text]).problems).toEqual([
      expect.stringContaining('problem: "its constructor takes arguments"; use: "an instance of it'),
    ]);
  });

  it("reports problems in one line", () => {
    const cases = [
      ['@node("fetsch") f(rows: Row[]) {}', '{ need: "fetsch"; problem: "no such method"; nearest: "fetch"; }'],
      ['@node("feth.rows") f(rows: Row[]) {}', '{ need: "feth.rows"; problem: "no such method"; nearest: "fetch"; }'],
      [
        '@node("xyz") f(rows: Row[]) {}',
        '{ need: "xyz"; problem: "no such method"; nearest: "fetch" | "report" | "isBig" | "f"; }',
      ],
      ['@node("limit") f(limit: number) {}', '{ need: "limit"; problem: "not a method"; }'],
      ['@node("fetch") f(rows: string) {}', '{ need: "fetch"; gives: Row[]; takes: string; }'],
      ['@node(optional("fetch")) f(rows: Row[]) {}', '{ need: "fetch"; gives: Row[] | undefined; takes: Row[]; }'],
      [
        '@node("fetch", "report") f(rows: Row[], n: Date) {}',
        '{ need: "report"; gives: { count: number; }; takes: Date; }',
      ],
      ['@node("fetch", "report") f(rows: Row[]) {}', '{ need: "report"; problem: "no parameter takes it"; }'],
      ['@node("report.coun") f(n: number) {}', '{ need: "report.coun"; problem: "no such output"; nearest: "count"; }'],
      [
        '@node("isBig.yes") f(n: number) {}',
        '{ need: "isBig.yes"; problem: "no such output"; nearest: "true" | "false"; }',
      ],
      [
        '@all("fetch", "report") f(all: { fetch: Row[]; other: 1 }) {}',
        '{ key: "other"; problem: "no need provides it"; needs: "fetch" | "report"; }',
      ],
      [
        '@node(stream("report")) f(n: AsyncIterable<number>) {}',
        '{ need: "report"; problem: "produces no items: it is no generator and no map"; }',
      ],
      ['@any("fetch", "report") f(rows: Row[]) {}', '{ need: "report"; gives: { count: number; }; takes: Row[]; }'],
      [
        '@condition("fetch") f(rows: Row[]) { return rows; }',
        '{ returns: Row[]; problem: "a condition returns a boolean or decide(boolean, value)"; }',
      ],
      ['@state f() { return next("reprot"); }', '{ state: "reprot"; problem: "no such method"; nearest: "report"; }'],
      [
        '@state({ to: ["fetch"] }) f() { return next("report"); }',
        '{ state: "report"; problem: "\\"to\\" does not list it"; }',
      ],
      ['@state f() { return next("isBig", 1); }', '{ state: "isBig"; gives: number; takes: Row[]; }'],
    ];
    const texts = cases.map(
      ([method]) => `import { all, any, condition, next, node, optional, state, stream } from "dagwright";
      interface Row { id: string }
      export class Report {
        limit = 1;
        @node fetch(): Row[] { return []; }
        @node("fetch") report(rows: Row[]) { return { count: rows.length }; }
        @condition("fetch") isBig(rows: Row[]): boolean { return rows.length > 9; }
        ${method}
      }
      export const used = [all, any, condition, next, optional, state, stream];`,
    );
    // All at once, since each program reads and binds the whole library.
    const names = cases.map((_, i) => join(folder, `message-${i}.ts`));
    const { problems } = check(names, legacy, texts, { noUnusedParameters: false });
    const firstLines = problems.map((message) => message.split("\n")[0]);
    expect(firstLines).toEqual(
      cases.map(([, problem]) =>
        expect.stringContaining(`Decorator function return type '${problem}' is not assignable`),
      ),
    );
  });

  it("completes needs with the methods of the class", () => {
    const file = join(folder, "completion.ts");
    const text = `import { all, node } from "dagwright";
      export class Report {
        limit = 1;
        @node fetch() { return [1]; }
        @node("") first(rows: number[]) { return rows; }
        @all("fetch", "", { retry: 1 }) second(rows: number[], more: number[]) { return [rows, more]; }
        @node({ needs: [""] }) third(rows: number[]) { return rows; }
      }`;
    const isFile = (name: string) => name === file;
    const service = ts.createLanguageService({
      ...ts.sys,
      useCaseSensitiveFileNames: () => ts.sys.useCaseSensitiveFileNames,
      getScriptFileNames: () => [file],
      getScriptVersion: () => "1",
      getScriptSnapshot: (name) => {
        const source = isFile(name) ? text : ts.sys.readFile(name);
        return source === undefined ? undefined : ts.ScriptSnapshot.fromString(source);
      },
      fileExists: (name) => isFile(name) || ts.sys.fileExists(name),
      getCurrentDirectory: () => root,
      getCompilationSettings: () => ({ ...options, experimentalDecorators: legacy }),
      getDefaultLibFileName: ts.getDefaultLibFilePath,
    });
    const gaps = Array.from(text.matchAll(/""/gu), ({ index }) => index + 1);
    for (const gap of gaps) {
      const names = service.getCompletionsAtPosition(file, gap, {})?.entries.map(({ name }) => name) ?? [];
      expect(names.filter(Boolean).sort()).toEqual(["fetch", "first", "second", "third"]);
    }
  });

  // The time depends on the machine; these numbers do not.
  const cost = (source: string) => {
    const text = `import { Dag, node } from "dagwright";\n${source}\n`;
    const { problems, ...costs } = check([join(folder, "chain.ts")], legacy, [text]);
    expect(problems).toEqual([]);
    return costs;
  };
  const more = (source: string) => {
    const [whole, empty] = [cost(source), cost("export const dag = [new Dag('d'), node];")];
    return [whole.instantiations - empty.instantiations, whole.comparisons - empty.comparisons];
  };

  it("checks a class of 100 chained nodes at a low cost", () => {
    const nodes = Array.from({ length: 100 }, (_, i) =>
      i === 0
        ? "  @node n0() { return { value: 0 }; }"
        : `  @node("n${i - 1}") n${i}(x: { value: number }) { return { value: x.value + 1 }; }`,
    );
    const end = "export const end = async () => (await Dag.from(Chain).run()).get('n99').value;";
    const [instantiations, comparisons] = more(`class Chain {\n${nodes.join("\n")}\n}\n${end}`);
    expect(instantiations).toBeLessThan(200_000);
    expect(comparisons).toBeLessThan(10_000);
  });

  it("checks a builder of 300 chained nodes at a low cost", () => {
    const nodes = Array.from({ length: 300 }, (_, i) =>
      i === 0
        ? "const n0 = dag.node('n0', () => ({ value: 0 }));"
        : `const n${i} = dag.node("n${i}", { needs: [n${i - 1}] }, (x) => ({ value: x.value + 1 }));`,
    );
    const end = "export const end = [node, async () => (await dag.run()).get(n299).value];";
    const [instantiations, comparisons] = more(`const dag = new Dag("d");\n${nodes.join("\n")}\n${end}`);
    expect(instantiations).toBeLessThan(60_000);
    expect(comparisons).toBeLessThan(10_000);
  });
});

it("The compiler can emit declarations for packages that export workflows", ({ onTestFinished }) => {
  const other = mkdtempSync(join(tmpdir(), "exported-"));
  onTestFinished(() => rmSync(other, { recursive: true }));
  const installed = join(other, "node_modules/dagwright");
  mkdirSync(installed, { recursive: true });
  symlinkSync(join(root, "lib"), join(installed, "lib"), "junction");
  const manifest = {
    name: "dagwright",
    type: "module",
    exports: { ".": "./lib/index.ts", "./store": "./lib/store.ts" },
  };
  writeFileSync(join(installed, "package.json"), JSON.stringify(manifest));
  const file = join(other, "exported.mts");
  const text = readFileSync(join(folder, "exported.ts"), "utf8");
  const declaring = { declaration: true, noEmit: false, paths: {}, preserveSymlinks: true };
  const typeRoots = [join(root, "node_modules/@types")];
  const declared = (source: string) => check([file], false, [source], { ...declaring, typeRoots }).problems;
  expect(declared(text)).toEqual([]);
  expect(declared(`${text}export const hidden = dag.origin;`)).toEqual([
    expect.stringContaining("The inferred type of 'hidden' cannot be named without a reference to 'Origin'"),
  ]);
});
