import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

describe("The compiler", () => {
  it.each([false, true])(
    "checks a class of 100 chained nodes within 3 s (legacy decorators: %s)",
    (experimentalDecorators) => {
      const folder = mkdtempSync(join(root, "node_modules/.types-"));
      try {
        const nodes = Array.from({ length: 100 }, (_, i) =>
          i === 0
            ? "  @node n0() { return { value: 0 }; }"
            : `  @node("n${i - 1}") n${i}(x: { value: number }) { return { value: x.value + 1 }; }`,
        );
        const file = join(folder, "chain.ts");
        writeFileSync(
          file,
          `import { Dag, node } from "dagwright";\nclass Chain {\n${nodes.join("\n")}\n}\n` +
            `export const end = async () => (await Dag.from(Chain).run()).get("n99").value;\n`,
        );
        const config = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile).config as {
          compilerOptions: object;
        };
        const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
        const begin = performance.now();
        const program = ts.createProgram([file], { ...options, experimentalDecorators });
        const problems = ts
          .getPreEmitDiagnostics(program)
          .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
        expect(problems).toEqual([]);
        expect(performance.now() - begin).toBeLessThan(3000);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );
});
