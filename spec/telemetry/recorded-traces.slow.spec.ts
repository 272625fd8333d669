import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { trace } from "@opentelemetry/api";
import { afterAll, describe, expect, it } from "vitest";
import { Dag, PauseRun, type Context } from "dagwright";
import { otel } from "dagwright/otel";
import { Client, Service } from "dagwright/service";
import { sqliteStore, type SqlStore } from "dagwright/store";
import { bundled } from "../support/bundled.js";
import { startPostgres } from "../support/postgres.js";
import { openDatabase } from "../support/sqlite.js";
import { postgresSubject, sqliteSubject, type OpenSubject } from "../support/store-subjects.js";
import { useServices } from "../support/services.js";
import { stages } from "../support/traced-service.js";
import { treeOf, useOpenTelemetry, type SpanFacts } from "../support/traced.js";
import { until } from "../support/waiting.js";

const script = bundled("traced-service");
const folder = mkdtempSync(join(tmpdir(), "dagwright-traces-"));
const postgres = await startPostgres();
const { spans, tree, traces } = useOpenTelemetry();
const telemetry = otel();

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  if (typeof postgres !== "string") await postgres.close();
});

const attributesOf = (name: string) => spans().find((span) => span.name === name)?.attributes;

/** Fails at its first call; pauses at the second. */
function asking() {
  let calls = 0;
  const dag = new Dag("asking", { runOptions: { telemetry } });
  dag.node("load", () => 1);
  dag.node("ask", { needs: ["load"] }, (n: number) => {
    calls++;
    if (calls === 1) throw new PauseRun("who?");
    return n + calls;
  });
  return dag;
}

function tracesIn(name: string, connect: () => Promise<OpenSubject>): void {
  describe(`Traces of runs in ${name}`, () => {
    const { another, client, service } = useServices(connect);

    it("go on when a run is resumed", async () => {
      const store = another();
      const dag = asking();
      await dag.run({ store, runId: "r1" });
      await dag.resume("r1", { store });
      expect(traces()).toBe(1);
      expect(tree()).toEqual([
        "run asking",
        "  node load",
        "    attempt load",
        "  node ask",
        "    attempt ask",
        "  run asking",
        "    node ask",
        "      attempt ask",
      ]);
      const resumed = spans()[5].attributes;
      expect(resumed).toMatchObject({ "dagwright.run.id": "r1", "dagwright.run.resumed": true });
    });

    it("go on when a run with others inside is resumed", async () => {
      const inner = asking();
      const outer = new Dag("outer", { runOptions: { telemetry } });
      outer.node("machine", inner);
      outer.node("after", { needs: ["machine"] }, () => 1);
      await outer.run({ store: another(), runId: "r2" });
      await outer.resume("r2", { store: another() });
      expect(traces()).toBe(1);
      expect(tree()).toEqual([
        "run outer",
        "  node machine",
        "    attempt machine",
        "      run asking",
        "        node load",
        "          attempt load",
        "        node ask",
        "          attempt ask",
        "  run outer",
        "    node machine",
        "      attempt machine",
        "        run asking",
        "          node ask",
        "            attempt ask",
        "    node after",
        "      attempt after",
      ]);
    });

    it("go from who submits a run to who drives it, wherever that was begun", async () => {
      const dag = stages(false);
      const run = await trace.getTracer("user").startActiveSpan("request", async (span) => {
        const submitted = await client({ telemetry }).submit(dag, { runId: "r3" });
        span.end();
        return submitted;
      });
      const serving = service({ workflows: [dag], telemetry });
      await serving.start();
      expect(await run.result()).toMatchObject({ status: "completed" });
      await until(() => spans().some((span) => span.name === "run stages"));
      expect(tree()).toEqual([
        "request",
        "  submit stages",
        "    run stages",
        "      node first",
        "        attempt first",
        "          inside",
        "      node second",
        "        attempt second",
        "          inside",
      ]);
      expect(attributesOf("submit stages")).toMatchObject({ "dagwright.run.id": "r3" });
      expect(attributesOf("run stages")).not.toHaveProperty("dagwright.run.resumed");
    });

    it("begin with who drives it first, if it was submitted without one", async () => {
      const dag = asking();
      const run = await client().submit(dag);
      const serving = service({ workflows: [dag], telemetry });
      await serving.start();
      await until(async () => (await serving.get(run))?.status === "paused");
      await serving.resume(run);
      expect(await run.result()).toMatchObject({ status: "completed" });
      await until(() => spans().filter((span) => span.name === "run asking").length === 2);
      expect(traces()).toBe(1);
      expect(tree().filter((line) => line.includes("run"))).toEqual(["run asking", "  run asking"]);
    });

    it("go on with another driver when one gives a run back, and end there as far as they came", async () => {
      const store = another();
      let isCalled = false;
      const dag = new Dag("slow", { runOptions: { telemetry } });
      dag.node("long", (ctx: Context) => {
        isCalled = true;
        return ctx.attempt > 1 ? 1 : new Promise(() => {});
      });
      const first = service({ workflows: [dag], store });
      await first.start();
      const run = await first.submit(dag);
      await until(() => isCalled);
      await first.stop({ grace: 0 });
      const second = service({ workflows: [dag] });
      await second.start();
      expect(await run.result()).toMatchObject({ status: "completed" });
      await until(() => spans().filter((span) => span.name === "run slow").length === 2);
      expect(tree(({ name, attributes }) => `${name} ${String(attributes["dagwright.run.status"])}`)).toEqual([
        "run slow lost",
        "  node long undefined",
        "    attempt long undefined",
        "  run slow completed",
        "    node long undefined",
        "      attempt long undefined",
      ]);
    });

    it("have no other run where a call attaches to one that is recorded", async () => {
      const dag = asking();
      const store = another();
      await dag.run({ store, runId: "known" });
      expect(await dag.run({ store, runId: "known", ifExists: "attach" })).toMatchObject({ status: "paused" });
      expect(tree().filter((line) => line.startsWith("run"))).toEqual(["run asking"]);
    });
  });
}

tracesIn("SQLite", sqliteSubject);
if (typeof postgres !== "string") tracesIn("Postgres", postgresSubject(postgres));

describe("A trace", () => {
  it("goes on from a process that was killed: from submit to the last node", async () => {
    const path = join(folder, "killed.db");
    const store: SqlStore = sqliteStore(path);
    const submitting = new Client({ store, telemetry, pollInterval: 50 });
    const run = await submitting.submit(stages(false), { runId: "killed" });
    const child = spawn(process.execPath, [script, path]);
    let said = "";
    child.stdout.on("data", (data) => (said += String(data)));
    const isClosed = new Promise((resolve) => child.on("close", resolve));
    const there = (): SpanFacts[] =>
      said
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line) as SpanFacts);
    await until(() => there().filter(({ name }) => name === "inside").length === 2);
    child.kill("SIGKILL");
    await isClosed;
    const database = openDatabase(path);
    database.prepare("update runs set lease_expires_at = 0").run([]);
    database.close();
    const serving = new Service({ store: sqliteStore(path), workflows: [stages(false)], telemetry, pollInterval: 50 });
    await serving.start();
    expect(await run.result()).toMatchObject({ status: "completed" });
    await serving.close();
    await submitting.close();
    const all = [...there(), ...spans()];
    expect(new Set(all.map(({ traceId }) => traceId)).size).toBe(1);
    // What had not ended in the process that was killed is not known; what had begun there is in the trace.
    expect(there().map(({ name }) => name)).toEqual(["inside", "attempt first", "node first", "inside"]);
    expect(treeOf(spans())).toEqual([
      "submit stages",
      "  run stages",
      "    node second",
      "      attempt second",
      "        inside",
    ]);
    expect(attributesOf("run stages")).toMatchObject({ "dagwright.run.resumed": true });
  });
});
