import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { PauseRun, type Dag, type ExecutionError, type RunResult } from "dagwright";
import { sqliteStore, type OpenDatabase, type SqlStore } from "dagwright/store";
import { openDatabase } from "../support/sqlite.js";
import { build, randomDags } from "../support/random-dag.js";
import { defaultResult, evaluate, type RandomNode } from "../support/reference.js";

const folder = mkdtempSync(join(tmpdir(), "dagwright-interleavings-"));
// A process that has died can't record the ends of its runs, and warns.
beforeAll(() => void vi.spyOn(process, "emitWarning").mockImplementation(() => {}));
afterAll(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});
let files = 0;

/** The effect of a node's call on its run. */
type Effect = "complete" | "fail" | "pause" | "crash" | "cancel";
const effects = fc.constantFrom<Effect>("complete", "complete", "complete", "fail", "pause", "crash", "cancel");

interface Scenario {
  readonly nodes: RandomNode[];
  readonly mode: "sequential" | "async";
  /** The effects of consecutive calls. All calls after these complete. */
  readonly effects: readonly Effect[];
  /** Whether to provide a value for a paused node, and to continue with `recover`, where possible. */
  readonly choices: readonly { readonly provides: boolean; readonly recovers: boolean }[];
  /** A chain of runs, each derived from the one before. */
  readonly replays: readonly { readonly at: number; readonly only: boolean; readonly effects: readonly Effect[] }[];
}

const scenarios: fc.Arbitrary<Scenario> = fc.record({
  nodes: randomDags(8).map((nodes) => nodes.map((node) => ({ ...node, fails: false }))),
  mode: fc.constantFrom("sequential", "async"),
  effects: fc.array(effects, { maxLength: 10 }),
  choices: fc.infiniteStream(fc.record({ provides: fc.boolean(), recovers: fc.boolean() })).map((s) => [...s.take(40)]),
  replays: fc.array(fc.record({ at: fc.nat(), only: fc.boolean(), effects: fc.array(effects, { maxLength: 4 }) }), {
    maxLength: 3,
  }),
});

/** A process: a store on the file that does nothing after the process has died. */
function processOn(path: string): { store: SqlStore; die(): void } {
  const database = openDatabase(path);
  let isDead = false;
  const alive = <T>(work: () => T): T => {
    if (isDead) throw new Error("this process is dead");
    return work();
  };
  const handle: OpenDatabase = {
    close: () => isDead || database.close(),
    prepare: (sql) => {
      const statement = alive(() => database.prepare(sql));
      return {
        reader: statement.reader,
        all: (parameters) => alive(() => statement.all(parameters)),
        run: (parameters) => alive(() => statement.run(parameters)),
        iterate: (parameters) => alive(() => statement.iterate(parameters)),
      };
    },
  };
  return {
    store: sqliteStore(handle),
    die: () => {
      if (isDead) return;
      isDead = true;
      database.close();
    },
  };
}

/** A node and everything downstream of it. */
function downstream(nodes: readonly RandomNode[], name: string): Set<string> {
  const reached = new Set([name]);
  for (const node of nodes) {
    const needs = [...node.needs.map((need) => need.node), ...node.after];
    if (needs.some((need) => reached.has(need))) reached.add(node.name);
  }
  return reached;
}

class ScenarioRunner {
  private readonly path = join(folder, `${files++}.db`);
  private process = processOn(this.path);
  private effects: Effect[] = [];
  private calls: { node: string; runId: string; key: string; attempt: number; effect: Effect }[] = [];
  private abort = new AbortController();
  private readonly dag: Dag<any>;
  private choice = 0;

  constructor(private readonly scenario: Scenario) {
    this.dag = build(scenario.nodes, {
      instead: (node, ctx, answer) => {
        const effect = this.effects.shift() ?? "complete";
        this.calls.push({
          node: node.name,
          runId: ctx.runId,
          key: ctx.idempotencyKey,
          attempt: ctx.attempt,
          effect,
        });
        if (effect === "fail") throw new Error("failed");
        if (effect === "pause") throw new PauseRun("waiting");
        if (effect === "crash") this.process.die();
        if (effect === "cancel") this.abort.abort();
        return node.kind === "condition" || node.kind === "select" ? answer() : `${ctx.runId}:${String(answer())}`;
      },
    });
  }

  private get options() {
    this.abort = new AbortController();
    return { store: this.process.store, mode: this.scenario.mode, signal: this.abort.signal };
  }

  async run(): Promise<void> {
    const { nodes, effects, replays } = this.scenario;
    const provided = new Map<string, unknown>();
    const first = (node: RandomNode, inputs: readonly unknown[]) => this.resultIn("r0", node, inputs, provided);
    await this.drive("r0", effects, () => this.dag.run({ ...this.options, runId: "r0" }), provided);
    let results = evaluate(nodes, "continue", first).results;
    expect({ ...(await this.dag.resume("r0", this.options)).results }).toEqual(results);

    for (const [i, replay] of replays.entries()) {
      const { name } = nodes[replay.at % nodes.length];
      const rerun = replay.only ? new Set([name]) : downstream(nodes, name);
      const old = results;
      const before = await this.recorded(`r${i}`);
      const runId = `r${i + 1}`;
      provided.clear();
      const called = await this.drive(
        runId,
        replay.effects,
        () => this.dag.replay(`r${i}`, { ...this.options, runId, rerun: [name], only: replay.only } as never),
        provided,
      );
      const again = (node: RandomNode, inputs: readonly unknown[]) =>
        rerun.has(node.name) ? this.resultIn(runId, node, inputs, provided) : old[node.name];
      results = evaluate(nodes, "continue", again).results;
      expect({ ...(await this.dag.resume(runId, this.options)).results }).toEqual(results);
      expect(called.filter((node) => !rerun.has(node))).toEqual([]);
      const record = await this.recorded(runId);
      expect(record.parentRunId).toBe(`r${i}`);
      for (const [node, { status }] of before.nodes) {
        const taken = status === "completed" || status === "copied" ? "copied" : "skipped";
        if (!rerun.has(node)) expect([node, record.nodes.get(node)?.status]).toEqual([node, taken]);
        else if (status === "completed") expect([node, record.nodes.get(node)?.status]).toEqual([node, "completed"]);
      }
    }
    await this.process.store.close();
  }

  private resultIn(
    runId: string,
    node: RandomNode,
    inputs: readonly unknown[],
    provided: ReadonlyMap<string, unknown>,
  ) {
    if (provided.has(node.name)) return provided.get(node.name);
    const result = defaultResult(node, inputs);
    return node.kind === "condition" || node.kind === "select" ? result : `${runId}:${String(result)}`;
  }

  private async recorded(runId: string) {
    const run = await this.process.store.getRun(runId);
    if (run === undefined) throw new Error(`there is no run ${runId}`);
    return run;
  }

  /** Continues a run until it completes, checking each step. Returns the nodes that were called. */
  private async drive(
    runId: string,
    effects: readonly Effect[],
    start: () => Promise<RunResult<any>>,
    provided: Map<string, unknown>,
  ): Promise<string[]> {
    this.effects = [...effects];
    const all: string[] = [];
    let go = start;
    for (let round = 0; ; round++) {
      expect(round).toBeLessThan(effects.length + 2);
      const known = round === 0 ? undefined : await this.recorded(runId);
      this.calls = [];
      const outcome = await go().then(
        (result) => result.status,
        (error: ExecutionError) => {
          if (error.run === undefined) throw error;
          return error.run.status;
        },
      );
      const seen = this.calls.map(({ effect }) => effect);
      if (seen.includes("crash")) await this.restart();
      const record = await this.recorded(runId);
      this.check(record, known);
      all.push(...this.calls.map(({ node }) => node));

      if (seen.includes("crash")) {
        // The writes before its death are recorded, but not the run's end.
        expect(["running", "completed"]).toContain(record.status);
      } else {
        expect(outcome).toBe(record.status);
        if (seen.includes("cancel")) expect(["cancelled", "failed"]).toContain(outcome);
        else if (seen.includes("fail")) expect(outcome).toBe("failed");
        else expect(outcome).toBe(seen.includes("pause") ? "paused" : "completed");
      }
      if (record.status === "completed") return all;

      const { provides, recovers } = this.scenario.choices[this.choice++ % this.scenario.choices.length];
      const plain = ({ node }: { node: string }) => this.scenario.nodes.find((n) => n.name === node)?.kind === "node";
      const paused =
        record.status === "paused" ? this.calls.find((call) => call.effect === "pause" && plain(call)) : undefined;
      const provide = provides && paused !== undefined ? { [paused.node]: `provided:${paused.node}` } : undefined;
      if (provide !== undefined && paused !== undefined) provided.set(paused.node, provide[paused.node]);
      if (recovers && record.status === "running") {
        go = async () => {
          const recovered = await this.dag.recover(this.options);
          expect(recovered.map((run) => run.runId)).toEqual([runId]);
          return recovered[0];
        };
      } else go = () => this.dag.resume(runId, { ...this.options, provide } as never);
    }
  }

  /** A new process, after the old one has died and its leases have expired. */
  private async restart(): Promise<void> {
    await this.process.store.close().catch(() => {});
    this.process = processOn(this.path);
    await this.process.store.listRuns();
    const side = openDatabase(this.path);
    side.prepare("update runs set lease_expires_at = 0 where lease_expires_at is not null").run([]);
    side.close();
  }

  /** The invariants after each step. */
  private check(record: NonNullable<Awaited<ReturnType<SqlStore["getRun"]>>>, known: typeof record | undefined): void {
    const done = Array.from(known?.nodes ?? []).filter(([, { status }]) => status === "completed");
    const called = this.calls.map(({ node }) => node);
    for (const [node, { output }] of done) {
      expect(called, "a completed node is not called again").not.toContain(node);
      expect(record.nodes.get(node), "a completed result is kept").toMatchObject({ status: "completed", output });
    }
    expect(new Set(called).size, "a node is called once per step").toBe(called.length);
    for (const { node, runId, key, attempt } of this.calls) {
      expect(key).toBe(`${runId}/${node}`);
      const numbers = record.attempts.filter((a) => a.node === node && a.attempt > 0).map((a) => a.attempt);
      expect(numbers, "attempt numbers continue").toEqual(Array.from({ length: attempt }, (_, i) => i + 1));
    }
  }
}

it("Runs that fail, pause, crash, are cancelled, resumed, recovered and replayed in any order keep their invariants", async () => {
  await fc.assert(
    fc.asyncProperty(scenarios, async (scenario) => {
      const races = scenario.nodes.some((node) => node.kind === "any" && node.needs.length > 1);
      await new ScenarioRunner({ ...scenario, mode: races ? "sequential" : scenario.mode }).run();
    }),
    { numRuns: 150 },
  );
}, 600_000);
