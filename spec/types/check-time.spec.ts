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

/** Checks a file that imports dagwright: the problems found, the types instantiated, and the processor time in ms. */
function check(source: string, experimentalDecorators: boolean) {
  const folder = mkdtempSync(join(root, "node_modules/.types-"));
  try {
    const file = join(folder, "chain.ts");
    writeFileSync(file, `import { Dag, node } from "dagwright";\n${source}`);
    const before = process.cpuUsage();
    const program = ts.createProgram([file], { ...options, experimentalDecorators });
    const problems = ts
      .getPreEmitDiagnostics(program)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
    // Not part of the compiler's typings, but what its --extendedDiagnostics prints.
    const types = (program as unknown as { getInstantiationCount(): number }).getInstantiationCount();
    const { user, system } = process.cpuUsage(before);
    return { problems, types, took: (user + system) / 1000 };
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
    // What the class costs on top of the standard library and dagwright itself. The count is exact, the time is not,
    // and where the machine is busy everything takes longer.
    expect(chain.types - empty.types).toBeLessThan(200_000);
    expect(chain.took - empty.took).toBeLessThan(Math.max(3000, 2 * empty.took));
  });
});
