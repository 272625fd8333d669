import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build, type BuildOptions } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { VERSION } from "../lib/base/own-files.js";

const root = fileURLToPath(new URL("..", import.meta.url));
/** Outside the repository, where its packages are not found. */
const folder = mkdtempSync(join(tmpdir(), "dagwright-bundles-"));
afterAll(() => rmSync(folder, { recursive: true }));

const PROGRAM = `
  import { isMainThread } from "node:worker_threads";
  import { Dag } from "dagwright";
  import { DEFINED } from "./other.js";
  const dag = new Dag("bundled");
  dag.node("load", { retry: 1 }, () => [1, 2, 3]);
  dag.node("where", { needs: ["load"] }, (list) => [...list, isMainThread].join());
  dag.cachedNode("again", { ttl: 1e6 }, () => "cached");
  async function report(dag) {
    const run = await dag.run({ mode: "parallel", parallel: { strict: process.argv.includes("strict") } });
    const { backend, backendReason } = run.nodes.get("where");
    console.log(run.get("where"), backend, backendReason);
  }
  if (isMainThread) report(dag).then(() => report(DEFINED)).catch((error) => console.log(error.message));
`;
const OTHER = `
  import { isMainThread } from "node:worker_threads";
  import { Dag } from "dagwright";
  export const DEFINED = new Dag("other");
  DEFINED.node("where", () => isMainThread);
`;

/** Bundles a program with the library, as its users would; returns the folder of the bundle. */
async function bundle(name: string, options: BuildOptions): Promise<string> {
  const outdir = join(folder, name);
  const { warnings } = await build({
    absWorkingDir: folder,
    entryPoints: { main: "program.js", second: "other.js" },
    outdir,
    bundle: true,
    platform: "node",
    logLevel: "silent",
    alias: {
      dagwright: join(root, "lib/index.ts"),
      "dagwright/observers": join(root, "lib/observers.ts"),
      "dagwright/store": join(root, "lib/store.ts"),
      "dagwright/service": join(root, "lib/service.ts"),
      "dagwright/bullmq": join(root, "lib/bullmq.ts"),
      "dagwright/testing": join(root, "lib/testing.ts"),
      "dagwright/otel": join(root, "lib/otel.ts"),
    },
    nodePaths: [join(root, "node_modules")],
    ...options,
  });
  expect(warnings).toEqual([]);
  return outdir;
}

async function outputOf(file: string, ...args: string[]): Promise<string[]> {
  const { stdout } = await promisify(execFile)(process.execPath, ["--no-warnings", file, ...args], { timeout: 50_000 });
  return stdout.trimEnd().split("\n");
}

/** Installs the parts of the package that a bundle needs: its manifest, its worker file, and piscina. */
async function install(where: string, version: string): Promise<void> {
  const installed = join(where, "node_modules/dagwright");
  mkdirSync(installed, { recursive: true });
  writeFileSync(join(installed, "package.json"), JSON.stringify({ name: "dagwright", version }));
  await build({
    entryPoints: [join(root, "lib/backends/thread/thread-worker.ts")],
    outfile: join(installed, "dist/thread-worker.mjs"),
    bundle: true,
    platform: "node",
    format: "esm",
    external: ["piscina"],
  });
  mkdirSync(join(installed, "node_modules"));
  symlinkSync(join(root, "node_modules/piscina"), join(installed, "node_modules/piscina"), "junction");
}

beforeAll(() => {
  writeFileSync(join(folder, "program.js"), PROGRAM);
  writeFileSync(join(folder, "other.js"), OTHER);
  writeFileSync(join(folder, "package.json"), "{}");
});

describe.each<[string, string, BuildOptions]>([
  ["of CommonJS", "main.js", { format: "cjs" }],
  ["of an ES module", "main.mjs", { format: "esm", outExtension: { ".js": ".mjs" } }],
  ["of ES modules with shared chunks", "main.mjs", { format: "esm", splitting: true, outExtension: { ".js": ".mjs" } }],
  ["that is minified", "main.js", { format: "cjs", minifyWhitespace: true, minifySyntax: true }],
])("A bundle %s", (kind, main, options) => {
  const name = kind.replaceAll(" ", "-");

  it("is built without warnings, and runs inline, with the reason, if the package is not installed", async () => {
    const outdir = await bundle(name, options);
    const reason = expect.stringMatching(/inline a worker could not start: dagwright is part of a bundle.*Install/u);
    expect(await outputOf(join(outdir, main))).toEqual([reason, reason]);
    expect(await outputOf(join(outdir, main), "strict")).toEqual([
      expect.stringMatching(/can't run on worker threads\. "load": .*dagwright is part of a bundle/u),
    ]);
  });

  it("runs on threads if the package is installed in the same version", async () => {
    const outdir = await bundle(name, options);
    const app = join(folder, `app-${name}`);
    await install(app, VERSION);
    cpSync(outdir, join(app, "dist"), { recursive: true });
    const lines = ["1,2,3,false thread undefined", "false thread undefined"];
    expect(await outputOf(join(app, "dist", main))).toEqual(lines);
    const other = join(dirname(app), `other-${name}`);
    await install(other, "0.0.1");
    cpSync(outdir, join(other, "dist"), { recursive: true });
    const reason = expect.stringMatching(/a bundle holds dagwright .*, but 0\.0\.1 is installed where it runs/u);
    expect(await outputOf(join(other, "dist", main))).toEqual([reason, reason]);
  });
});

it("The package runs on threads if stacks name its sources instead of its files, as Deno's do with source maps", async () => {
  const outdir = await bundle("named", { format: "cjs", entryPoints: [join(root, "lib/index.ts")] });
  const app = join(folder, "app-named");
  await install(app, VERSION);
  const source = join(app, "node_modules/dagwright/lib/base/own-files.ts");
  const program = `
    const { readFileSync } = require("node:fs");
    const { compileFunction } = require("node:vm");
    const { isMainThread } = require("node:worker_threads");
    const text = readFileSync(${JSON.stringify(join(outdir, "index.js"))}, "utf8");
    const library = { exports: {} };
    compileFunction(text, ["module", "require"], { filename: ${JSON.stringify(source)} })(library, require);
    const dag = new library.exports.Dag("named");
    dag.node("where", () => isMainThread);
    if (isMainThread) console.log(dag.dryRun({ mode: "parallel" }).nodes[0].backend);
    dag.run({ mode: "parallel" }).then(({ value, nodes }) => console.log(value, nodes.get("where").backendReason));
  `;
  writeFileSync(join(app, "program.js"), program);
  expect(await outputOf(join(app, "program.js"))).toEqual(["thread", "false undefined"]);
});

it("A bundle opens SQLite if Node has it built in, and otherwise says what to install", async () => {
  const source = `
    import { sqliteStore } from "dagwright/store";
    sqliteStore(":memory:").cache.get("key").then(console.log, (error) => console.log(error.code, error.message));
  `;
  writeFileSync(join(folder, "stores.js"), source);
  // A libsql that can't be loaded, whatever is installed in folders above.
  mkdirSync(join(folder, "node_modules/libsql"), { recursive: true });
  writeFileSync(join(folder, "node_modules/libsql/package.json"), '{ "exports": {} }');
  const outdir = await bundle("stores", { entryPoints: ["stores.js"], format: "esm", outExtension: { ".js": ".mjs" } });
  const [line] = await outputOf(join(outdir, "stores.mjs"));
  const [major] = process.versions.node.split(".").map(Number);
  if (major >= 22) expect(line).toBe("undefined");
  else expect(line).toMatch(/^STORE Node 20\..* has no built-in SQLite.*Run "npm install libsql", or use Node 22\.13/u);
});

it("A bundle says what to install for BullMQ, when it is asked for", async () => {
  const source = `
    import { bullmq } from "dagwright/bullmq";
    try {
      bullmq({ connection: "redis://127.0.0.1" });
    } catch ({ code, message }) {
      console.log(code, message);
    }
  `;
  writeFileSync(join(folder, "queues.js"), source);
  // One that can't be loaded, whatever is installed in folders above.
  mkdirSync(join(folder, "node_modules/bullmq"), { recursive: true });
  writeFileSync(join(folder, "node_modules/bullmq/package.json"), '{ "exports": {} }');
  const outdir = await bundle("queues", { entryPoints: ["queues.js"], format: "esm", outExtension: { ".js": ".mjs" } });
  const [line] = await outputOf(join(outdir, "queues.mjs"));
  expect(line).toMatch(
    /^STORE dagwright\/bullmq needs the package bullmq, which can't be loaded: .*Run "npm install bullmq"/u,
  );
});

it("A bundle says what to install for OpenTelemetry, when it is asked for", async () => {
  const source = `
    import { otel } from "dagwright/otel";
    try {
      otel();
    } catch ({ message }) {
      console.log(message);
    }
  `;
  writeFileSync(join(folder, "untraced.js"), source);
  const outdir = await bundle("untraced", { entryPoints: ["untraced.js"] });
  // One that can't be loaded, whatever is installed in folders above.
  mkdirSync(join(outdir, "node_modules/@opentelemetry/api"), { recursive: true });
  writeFileSync(join(outdir, "node_modules/@opentelemetry/api/package.json"), '{ "exports": {} }');
  const [line] = await outputOf(join(outdir, "untraced.js"));
  expect(line).toMatch(
    /^dagwright\/otel needs the package @opentelemetry\/api, which can't be loaded: .*Run "npm install @opentelemetry\/api"\.$/u,
  );
});

it("A bundle takes traces along to worker threads, where an SDK of the bundle's goes on with them", async () => {
  const source = `
    import { trace } from "@opentelemetry/api";
    import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
    import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
    import { isMainThread } from "node:worker_threads";
    import { Dag } from "dagwright";
    import { otel } from "dagwright/otel";
    const exporter = new InMemorySpanExporter();
    new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
    const dag = new Dag("traced");
    dag.node("inside", { backend: "thread" }, () => {
      trace.getTracer("user").startActiveSpan("below", (span) => span.end());
      const [{ parentSpanContext }] = exporter.getFinishedSpans();
      return { isMainThread, parent: parentSpanContext?.spanId };
    });
    if (isMainThread) {
      dag.run({ telemetry: otel() }).then(({ value }) => {
        const attempt = exporter.getFinishedSpans().find(({ name }) => name === "attempt inside");
        console.log(value.isMainThread, value.parent === attempt.spanContext().spanId);
      });
    }
  `;
  writeFileSync(join(folder, "traced.js"), source);
  const outdir = await bundle("traced", { entryPoints: ["traced.js"] });
  const app = join(folder, "app-traced");
  await install(app, VERSION);
  mkdirSync(join(app, "node_modules/@opentelemetry"));
  symlinkSync(join(root, "node_modules/@opentelemetry/api"), join(app, "node_modules/@opentelemetry/api"), "junction");
  cpSync(outdir, join(app, "dist"), { recursive: true });
  expect(await outputOf(join(app, "dist/traced.js"))).toEqual(["false true"]);
});
