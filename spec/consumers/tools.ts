/** The tools in the table of docs/install.md, and how each runs a program. */
import { PROGRAMS, type Program } from "./programs.js";

/** The first word is `node`, or a file in node_modules/.bin. */
export type Command = readonly string[];

export interface Tool {
  /** The name in the table. */
  readonly name: string;
  /** Names one of several ways to use the tool. */
  readonly variant?: string;
  /** The packages that a project needs. */
  readonly packages: readonly string[];
  /** The files of a project. @param line - the configuration line of the table */
  readonly files: (line: string) => Readonly<Record<string, string>>;
  /** Programs are modules with a `main` that a test calls, instead of scripts. */
  readonly tests?: boolean;
  /** Adapts the source of a program. */
  readonly adapt?: (text: string) => string;
  /** Fails if the packages are installed, but have no program for this machine. */
  readonly check?: Command;
  /** Builds the programs. @param option - the configuration line, if it is a command-line option */
  readonly build?: (option: readonly string[]) => Command;
  readonly run: (program: Program) => Command;
  /** The build puts bundles with the package into dist/, which are also run where no package is installed. */
  readonly bundles?: boolean;
}

const json = JSON.stringify;
const sources = PROGRAMS.map((program) => `${program}.ts`);
const entries = json(Object.fromEntries(PROGRAMS.map((program) => [program, `./${program}.ts`])));
const built = (program: Program): Command => ["node", `dist/${program}.js`];

/** A tsconfig.json with the line in its `compilerOptions`. */
const tsconfig = (line: string, options: readonly string[] = []) => ({
  "tsconfig.json": `{ "compilerOptions": { ${[...options, line].filter((option) => option !== "").join(", ")} } }`,
});

/** Options of SWC with the line in its `transform` section. */
const swcrc = (line: string, module = "es6") =>
  `{
    "jsc": { "target": "es2022", "parser": { "syntax": "typescript", "decorators": true }, "transform": { ${line} } },
    "module": { "type": "${module}" }
  }`;

const specs = (text: (program: Program) => string) =>
  Object.fromEntries(PROGRAMS.map((program) => [`${program}.spec.ts`, text(program)]));

const tsc: Omit<Tool, "name"> = {
  packages: ["typescript", "@types/node"],
  files: (line) =>
    tsconfig(line, [
      `"module": "nodenext"`,
      `"strict": true`,
      `"skipLibCheck": true`,
      `"types": ["node"]`,
      `"rootDir": "."`,
      `"outDir": "dist"`,
    ]),
  build: () => ["tsc"],
  run: built,
};

const esbuild = (variant: string, ...options: string[]): Tool => ({
  name: "esbuild",
  variant,
  packages: ["esbuild"],
  files: tsconfig,
  build: (option) => [
    ...["esbuild", ...sources, "--bundle", "--platform=node", "--format=esm", "--outdir=dist"],
    ...options,
    ...option,
  ],
  run: built,
  bundles: true,
});

const webpack = (mode: string): Tool => ({
  name: "webpack, swc-loader",
  variant: mode,
  packages: ["webpack", "webpack-cli", "swc-loader", "@swc/core"],
  files: (line) => ({
    "webpack.config.mjs": `
      export default {
        mode: "${mode}",
        target: "node",
        entry: ${entries},
        output: { filename: "[name].cjs" },
        resolve: { extensions: [".ts", ".js"] },
        module: { rules: [{ test: /\\.ts$/, loader: "swc-loader", options: ${swcrc(line)} }] },
      };`,
  }),
  build: () => ["webpack"],
  run: (program) => ["node", `dist/${program}.cjs`],
  bundles: true,
});

/** Makes workflows of instances that Nest injects. */
const injected = (text: string) => `
  import "reflect-metadata";
  import { Injectable } from "@nestjs/common";
  import { NestFactory } from "@nestjs/core";

  async function injected<T>(type: new () => T): Promise<T> {
    const app = await NestFactory.createApplicationContext({ module: class {}, providers: [type] }, { logger: ["error"] });
    return app.get(type);
  }
  ${text.replace(/^(?=(?:@workflow.*\n)?class )/gmu, "@Injectable()\n").replace(/Dag\.from\((\w+)\)/gu, "Dag.from(await injected($1))")}`;

export const TOOLS: readonly Tool[] = [
  { name: "tsx", packages: ["tsx"], files: tsconfig, run: (program) => ["tsx", `${program}.ts`] },

  { name: "tsc", ...tsc },

  esbuild("plain"),
  esbuild("minified and split", "--minify", "--splitting"),

  {
    name: "Vite 8, SSR build",
    packages: ["vite"],
    files: (line) => ({
      ...tsconfig(line),
      "vite.config.mjs": `
        export default { build: { ssr: true, rollupOptions: { input: ${json(sources)} } }, ssr: { noExternal: true } };`,
    }),
    build: () => ["vite", "build"],
    run: built,
    bundles: true,
  },

  {
    name: "Vitest on Vite 8",
    packages: ["vitest"],
    files: (line) => ({
      ...tsconfig(line),
      ...specs((program) => `import { it } from "vitest"; import { main } from "./${program}.js"; it("runs", main);`),
    }),
    tests: true,
    run: (program) => ["vitest", "run", `${program}.spec.ts`],
  },

  {
    name: "tsdown",
    packages: ["tsdown"],
    files: tsconfig,
    build: () => ["tsdown", ...sources, "--no-dts", "--no-fixed-extension"],
    run: built,
  },

  webpack("production"),
  webpack("development"),

  {
    name: "rollup, plugin-swc",
    packages: ["rollup", "@rollup/plugin-node-resolve", "@rollup/plugin-swc", "@swc/core"],
    files: (line) => ({
      "rollup.config.mjs": `
        import { nodeResolve } from "@rollup/plugin-node-resolve";
        import swc from "@rollup/plugin-swc";
        export default {
          input: ${json(sources)},
          output: { dir: "dist" },
          plugins: [nodeResolve(), swc({ swc: ${swcrc(line)} })],
        };`,
    }),
    build: () => ["rollup", "--config"],
    run: built,
    bundles: true,
  },

  {
    name: "SWC",
    packages: ["@swc/core", "@swc/cli"],
    files: (line) => ({ ".swcrc": swcrc(line) }),
    build: () => ["swc", ...sources, "--out-dir", "dist"],
    run: built,
  },

  {
    name: "Babel",
    packages: ["@babel/core", "@babel/cli", "@babel/preset-typescript", "@babel/plugin-proposal-decorators"],
    files: (line) => ({ "babel.config.json": `{ "presets": ["@babel/preset-typescript"], "plugins": [${line}] }` }),
    build: () => ["babel", ...sources, "--extensions", ".ts", "--out-dir", "dist"],
    run: built,
  },

  {
    name: "Jest, @swc/jest",
    packages: ["jest", "@swc/core", "@swc/jest"],
    files: (line) => ({
      "package.json": "{}",
      "jest.config.json": `{ "transform": { "\\\\.ts$": ["@swc/jest", ${swcrc(line, "commonjs")}] } }`,
      ...specs((program) => `import { main } from "./${program}"; it("runs", main);`),
    }),
    tests: true,
    run: (program) => ["jest", `${program}.spec.ts`],
  },

  {
    ...tsc,
    name: "NestJS, tsc",
    packages: [...tsc.packages, "@nestjs/core", "@nestjs/common", "reflect-metadata", "rxjs"],
    adapt: injected,
  },

  {
    name: "Bun",
    packages: ["bun"],
    files: tsconfig,
    check: ["bun", "--version"],
    run: (program) => ["bun", "run", `${program}.ts`],
  },

  {
    name: "Deno",
    packages: ["deno"],
    check: ["deno", "--version"],
    files: (line) => ({ "deno.json": `{ "compilerOptions": { ${line} } }` }),
    run: (program) => ["deno", "run", "--allow-all", `${program}.ts`],
  },
];
