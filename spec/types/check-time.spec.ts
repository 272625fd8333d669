import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

const config = ts.readConfigFile(join(root, "tsconfig.json"), (path) => ts.sys.readFile(path)).config as {
  compilerOptions: object;
};
const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);

/** Checks a file that imports dagwright; gives the problems found and the processor time it took, in ms. */
function check(source: string, experimentalDecorators: boolean): { problems: string[]; took: number } {
  const folder = mkdtempSync(join(root, "node_modules/.types-"));
  try {
    const file = join(folder, "chain.ts");
    writeFileSync(file, `import { Dag, node } from "dagwright";\n${source}`);
    const before = process.cpuUsage();
    const program = ts.createProgram([file], { ...options, experimentalDecorators });
    const problems = ts
      .getPreEmitDiagnostics(program)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
    const { user, system } = process.cpuUsage(before);
    return { problems, took: (user + system) / 1000 };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("The compiler", () => {
  it.each([false, true])("checks a class of 100 chained nodes in under 3 s (legacy decorators: %s)", (legacy) => {
    const nodes = Array.from({ length: 100 }, (_, i) =>
      i === 0
        ? "  @node n0() { return { value: 0 }; }"
        : `  @node("n${i - 1}") n${i}(x: { value: number }) { return { value: x.value + 1 }; }`,
    );
    const end = "export const end = async () => (await Dag.from(Chain).run()).get('n99').value;";
    const empty = check("export const dag = [new Dag('d'), node];", legacy);
    const chain = check(`class Chain {\n${nodes.join("\n")}\n}\n${end}\n`, legacy);
    expect(empty.problems.concat(chain.problems)).toEqual([]);
    // What the class costs on top of loading the standard library, which a busy machine makes slow on its own.
    expect(chain.took - empty.took).toBeLessThan(1500);
  });
});
