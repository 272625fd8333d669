import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { ROOT } from "../support/pages.js";
import { withOwnRedis } from "../support/redis-server.js";

const tsx = createRequire(import.meta.url).resolve("tsx/cli");
const folder = mkdtempSync(join(tmpdir(), "dagwright-remote-sample-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the sample to its end. */
async function sample(more: NodeJS.ProcessEnv): Promise<Outcome> {
  const env = { ...process.env, REDIS_URL: undefined, STORE: undefined, ...more };
  const child = spawn(process.execPath, [tsx, "samples/remote.ts"], { cwd: ROOT, env });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (text) => (stdout += String(text)));
  child.stderr.on("data", (text) => (stderr += String(text)));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, stdout, stderr };
}

const pages = readdirSync(join(ROOT, "docs")).filter((name) => name.endsWith(".md"));

// Each worker takes one page at a time and waits for the next, so that of dozens both get some.
function expectPages(target: string, outcome: Outcome): void {
  expect(outcome).toEqual({ code: 0, stdout: `${pages.length} pages, compressed by 2 workers\n`, stderr: "" });
  expect(readdirSync(target).sort()).toEqual(pages.map((name) => `${name}.br`).sort());
  for (const name of pages) {
    const text = brotliDecompressSync(readFileSync(join(target, `${name}.br`))).toString();
    expect(text).toBe(readFileSync(join(ROOT, "docs", name), "utf8"));
  }
}

describe("The sample of nodes on workers", () => {
  it("says what to install where there is no Redis", async () => {
    const { code, stdout, stderr } = await sample({ PATH: "" });
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^This needs Redis: install redis-server, or name a running one: REDIS_URL=\S+\n$/u);
  });

  withOwnRedis((create) => {
    it("compresses all pages on two workers, with a Redis of its own", async () => {
      const target = join(folder, "own");
      expectPages(target, await sample({ TARGET: target }));
    });

    it("does so with the Redis and the store that it is told", async () => {
      const redis = await create();
      await redis.start();
      const [target, store] = [join(folder, "told"), join(folder, "runs.db")];
      expectPages(target, await sample({ REDIS_URL: redis.url, STORE: store, TARGET: target }));
      const args = ["lib/cli.ts", "runs", "--store", store, "--json"];
      const { stdout } = spawnSync(process.execPath, [tsx, ...args], { cwd: ROOT, encoding: "utf8" });
      expect(stdout).toContain('"completed"');
    });
  });
});

interface Service {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly ports?: readonly string[];
  readonly deploy?: { readonly replicas: number };
}

describe("compose.yaml of the sample", () => {
  const home = join(ROOT, "samples/remote");
  const text = readFileSync(join(home, "compose.yaml"), "utf8");
  const { services } = parse(text, { merge: true }) as { services: Readonly<Record<string, Service>> };
  const own = Object.entries(services).filter(([, { build }]) => build !== undefined);

  it("has a broker, a store, two workers, a driver and a studio", () => {
    expect(Object.keys(services)).toEqual(["redis", "postgres", "worker", "driver", "studio"]);
    expect(services.worker.deploy?.replicas).toBe(2);
  });

  it("takes servers by their major versions, which say when they are ready", () => {
    for (const [name, { image, build, healthcheck }] of Object.entries(services)) {
      if (build !== undefined) continue;
      expect(image).toMatch(/^[a-z]+:\d+$/u);
      expect(healthcheck?.test[0], name).toBe("CMD");
    }
    for (const [, { depends_on }] of own) {
      expect(depends_on).toEqual({
        redis: { condition: "service_healthy" },
        postgres: { condition: "service_healthy" },
      });
    }
  });

  it.each(own)("starts %s from a file that its image has", (_, { build, command = [] }) => {
    const context = join(home, build?.context ?? "");
    const dockerfile = readFileSync(join(context, build?.dockerfile ?? ""), "utf8");
    expect(dockerfile).toMatch(/^FROM node:\d+-slim$/mu);
    const copied = Array.from(dockerfile.matchAll(/^COPY (.*) \S+$/gmu), ([, names]) => names.split(" ")).flat();
    for (const name of copied) expect(existsSync(join(context, name)), name).toBe(true);
    const file = command.at(-1) ?? "";
    expect(command).toEqual(["node", "--import", "tsx", file]);
    expect(existsSync(join(context, file)), file).toBe(true);
    expect(copied).toEqual(expect.arrayContaining(["package.json", "tsconfig.json", "lib", "samples", "docs"]));
  });

  it("sets only what the programs read, and refers to services that there are", () => {
    const files = readdirSync(home).filter((file) => file.endsWith(".ts"));
    const read = files.map((file) => readFileSync(join(home, file), "utf8")).join("\n");
    for (const [, { environment = {} }] of own) {
      for (const name of Object.keys(environment)) expect(read).toMatch(new RegExp(`\\b${name}\\b`, "u"));
      expect(Object.keys(services)).toContain(new URL(environment.REDIS_URL).hostname);
      expect(Object.keys(services)).toContain(new URL(environment.STORE).hostname);
      expect(new URL(environment.STORE).password).toBe(services.postgres.environment?.POSTGRES_PASSWORD);
    }
  });

  it("is open to this machine only", () => {
    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    expect(ports).not.toEqual([]);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/u);
    expect(text).not.toContain("network_mode");
  });
});
