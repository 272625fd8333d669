/** The layers of lib/, lowest first. A file imports from its own folder and from the layers below. */
const layers = [
  ["base"],
  ["graph", "transforms", "timetables"],
  ["definition"],
  ["planning"],
  ["run"],
  ["policies", "backends", "stores", "visualization"],
  ["engine"],
  ["dag", "fsm"],
  ["service"],
  ["bullmq", "testing"],
];

/** What is made of the public API, lowest first. */
const outerLayers = [["observers", "pictures", "telemetry", "rpc", "wasm"], ["studio"], ["cli"]];
const names = [
  "index",
  "store",
  "service",
  "bullmq",
  "testing",
  "observers",
  "pictures",
  "otel",
  "backends",
  "studio",
  "cli",
];
const entries = names.map((entry) => `./lib/${entry}.ts`);

/** A folder must not import from the layers above it, nor from siblings in its own layer. */
const zones = [...layers, ...outerLayers].flatMap((siblings, height, all) =>
  siblings.map((layer) => ({
    target: `./lib/${layer}`,
    from: [...all.slice(height + 1).flat(), ...siblings.filter((other) => other !== layer)]
      .map((other) => `./lib/${other}`)
      // The test kit, too, is made of what users have.
      .concat(height < layers.length && layer !== "testing" ? entries : `./lib/${layer}.ts`),
    message: `lib/${layer} imports only from the layers below it, see lib/README.md.`,
  })),
);

module.exports = {
  root: true,
  parser: "@typescript-eslint/parser",
  parserOptions: {
    project: ["./tsconfig.json", "./spec/legacy/tsconfig.json", "./lib/studio/page/tsconfig.json"],
    tsconfigRootDir: __dirname,
  },
  plugins: ["@typescript-eslint", "import-x"],
  extends: ["eslint:recommended", "plugin:@typescript-eslint/recommended-type-checked"],
  settings: { "import-x/resolver": { typescript: { project: "./tsconfig.json" } } },
  ignorePatterns: [
    "!.github",
    "!docs/.vitepress",
    "dist",
    "docs/api",
    "node_modules",
    "samples/output",
    "*.cjs",
    "spec/support/fresh",
  ],
  reportUnusedDisableDirectives: true,
  rules: {
    "import-x/no-cycle": "error",
    "import-x/no-restricted-paths": ["error", { zones }],
    // Functions of users take and return anything, and their types are inferred through `any`.
    "@typescript-eslint/no-explicit-any": "off",
    "@typescript-eslint/no-unsafe-argument": "off",
    "@typescript-eslint/no-unsafe-assignment": "off",
    "@typescript-eslint/no-unsafe-return": "off",
    "@typescript-eslint/consistent-type-imports": "error",
    "@typescript-eslint/no-floating-promises": "error",
    "@typescript-eslint/prefer-promise-reject-errors": "off",
    "@typescript-eslint/only-throw-error": "off",
    eqeqeq: "error",
    "no-console": "error",
  },
  overrides: [
    {
      files: ["samples/**", "benchmarks/**", "spec/cli/flows/**", "spec/consumers/programs/**"],
      rules: { "no-console": "off" },
    },
    {
      files: ["spec/**", "samples/**", "benchmarks/**"],
      rules: { "@typescript-eslint/require-await": "off" },
    },
    {
      // Specs make functions from source text, and pass arguments that types forbid.
      files: ["spec/**"],
      rules: {
        "@typescript-eslint/no-implied-eval": "off",
        "@typescript-eslint/no-unsafe-call": "off",
        "@typescript-eslint/no-unsafe-member-access": "off",
        "@typescript-eslint/restrict-template-expressions": "off",
        "@typescript-eslint/no-unnecessary-type-assertion": "off",
      },
    },
  ],
};
