import { VERSION } from "../base/own-files.js";

/** The files of a new project, by path. */
export function projectFiles(name: string): ReadonlyMap<string, string> {
  return new Map([
    ["package.json", `${JSON.stringify(manifest(name), null, 2)}\n`],
    ["tsconfig.json", `${JSON.stringify(TSCONFIG, null, 2)}\n`],
    [".gitignore", "node_modules\nruns.db*\n"],
    ["src/words.ts", WORKFLOW],
    ["src/words.test.ts", TEST],
  ]);
}

function manifest(name: string): object {
  const needsDriver = (process.getBuiltinModule("node:sqlite") as unknown) === undefined;
  return {
    name,
    private: true,
    type: "module",
    scripts: {
      start: "dagwright run src/words.ts --store runs.db",
      test: "node --import tsx --test src/words.test.ts",
      typecheck: "tsc",
    },
    dependencies: { dagwright: `^${VERSION}`, ...(needsDriver ? { libsql: "^0.5.0" } : {}) },
    devDependencies: { "@types/node": "^20.0.0", tsx: "^4.0.0", typescript: ">=5.4.0" },
  };
}

const TSCONFIG = {
  compilerOptions: {
    target: "ES2022",
    module: "NodeNext",
    types: ["node"],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
  },
  include: ["src"],
};

const WORKFLOW = `import { node, workflow } from "dagwright";

/** Counts the words of a text, and finds the one that comes most often. */
@workflow({ name: "words" })
export class Words {
  @node split(text = "To be, or not to be, that is the question."): string[] {
    return text.toLowerCase().match(/\\p{L}+/gu) ?? [];
  }

  @node("split") count(words: string[]): number {
    return words.length;
  }

  @node("split") most(words: string[]): string {
    const counts = new Map<string, number>();
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
    return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? "";
  }

  @node("count", "most") report(count: number, most: string): string {
    return \`\${count} words, most often "\${most}"\`;
  }
}
`;

const TEST = `import assert from "node:assert/strict";
import { test } from "node:test";
import { Dag } from "dagwright";
import { Words } from "./words.js";

test("counts words", async () => {
  const run = await Dag.from(Words).run({ inputs: { text: "a rose is a flower" } });
  assert.equal(run.get("report"), '5 words, most often "a"');
});
`;
