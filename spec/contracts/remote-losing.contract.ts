import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Dag, RunEvent } from "dagwright";
import { bundled } from "../support/bundled.js";
import { guarded, poisonous } from "../support/guarded.js";
import type { GuardedWorkerOptions } from "../support/guarded-worker.js";
import { placedOn } from "../support/placed.js";
import { type Broker, countJobs, queueName, useRemote } from "../support/remoted.js";
import { failure, until } from "../support/waiting.js";

const script = bundled("guarded-worker");
const LEASE = 1500;
const RETRY = { retries: 2, delay: 0 };
/** Of those that may be lost beside a node that ends its workers. */
const PATIENT = { retries: 20, delay: 0 };

/** What a run loses with its workers, and what not. @param name - of the broker, for titles */
export function remoteLosingContract(name: string, broker: Broker): void {
  const processes = new Set<ChildProcess>();
  const folders: string[] = [];
  afterEach(() => {
    vi.restoreAllMocks();
    for (const child of processes) child.kill("SIGKILL");
    processes.clear();
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });

  const scene = () => {
    const folder = mkdtempSync(join(tmpdir(), "dagwright-remote-"));
    folders.push(folder);
    const file = join(folder, "ledger");
    writeFileSync(file, "");
    const queue = queueName();
    const backend = useRemote({ ...broker, queue, lease: LEASE });
    const onto = (dag: Dag<any>, retry: typeof RETRY) => {
      const placed = placedOn(dag, () => backend);
      for (const name of placed.nodes.keys()) placed.configureNode(name, { retry });
      return placed;
    };
    const lines = () => readFileSync(file, "utf8").split("\n").slice(0, -1);
    const events: RunEvent[] = [];
    return {
      countJobs: () => countJobs(broker, queue),
      /** What the calls at a gate have told. */
      told: (gate: string) => lines().filter((line) => line.startsWith(`${gate} `)),
      worker: async (more: Partial<GuardedWorkerOptions> = {}) => {
        const options = JSON.stringify({ ...broker, queue, lease: LEASE, ...more });
        const child = spawn(process.execPath, ["--no-warnings", script, options], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        processes.add(child);
        await once(child.stdout as NodeJS.ReadableStream, "data");
        return child;
      },
      run: (gate: string) =>
        onto(guarded, PATIENT).run({
          mode: "hybrid",
          inputs: { file, gate },
          observers: [(event) => events.push(event)],
        }),
      poison: (retry: typeof RETRY) => onto(poisonous, retry).run({ mode: "hybrid", inputs: { file } }),
      begun: (gate: string, times = 1) =>
        until(() => lines().filter((line) => line.startsWith(`${gate} begun`)).length === times),
      open: (gate: string) => writeFileSync(`${file}.${gate}`, ""),
      /** How many attempts were lost. */
      lost: () => events.filter((event) => event.type === "attempt.failed").length,
    };
  };

  describe(`Workers of ${name} that are lost`, () => {
    it("lose their own nodes, which others execute, and these keep theirs", async () => {
      const { worker, run, begun, told, open } = scene();
      const first = await worker();
      const runs = [run("a")];
      await begun("a");
      first.kill("SIGSTOP");
      const second = await worker();
      runs.push(run("b"));
      await begun("b");
      first.kill("SIGKILL");
      await begun("a", 2);
      open("a");
      open("b");
      const results = await Promise.all(runs);
      expect(results.map((result) => result.get("guarded"))).toEqual([second.pid, second.pid]);
      expect(told("b")).toEqual([`b begun ${second.pid}`, `b ended ${second.pid}`]);
    });

    it("drop what they do, and abort it, when they stood still for too long", async () => {
      const { worker, run, begun, told, open } = scene();
      const first = await worker();
      const running = run("a");
      await begun("a");
      first.kill("SIGSTOP");
      const second = await worker();
      await begun("a", 2);
      first.kill("SIGCONT");
      await until(() => told("a").includes(`a aborted ${first.pid}`));
      open("a");
      const result = await running;
      expect(result.get("guarded")).toBe(second.pid);
      expect(result.nodes.get("guarded")).toMatchObject({ attempts: 2 });
    });

    it("are not those that are stopped: these complete what they have, however long it takes, and take no more", async () => {
      const { worker, run, begun, told, open, lost } = scene();
      const stopped = await worker();
      const first = run("a");
      await begun("a");
      stopped.kill("SIGTERM");
      const killed = await worker();
      const second = run("b");
      await begun("b");
      killed.kill("SIGKILL");
      // A lease is over.
      await until(() => lost() === 1);
      const third = await worker();
      await begun("b", 2);
      expect(told("b")[1]).toBe(`b begun ${third.pid}`);
      expect(told("a")).toEqual([`a begun ${stopped.pid}`]);
      const closed = once(stopped, "exit");
      open("a");
      open("b");
      expect((await first).get("guarded")).toBe(stopped.pid);
      expect((await second).get("guarded")).toBe(third.pid);
      expect(await closed).toEqual([0, null]);
      expect(lost()).toBe(1);
    });

    it("because of a node fail its run after as many deliveries as it may have attempts, and say so", async () => {
      const { worker, run, begun, poison, open, told, countJobs } = scene();
      let ended = 0;
      let isOver = false;
      const supervise = async (): Promise<void> => {
        const child = await worker();
        child.once("exit", () => {
          if (isOver) return;
          ended++;
          void supervise();
        });
      };
      await supervise();
      const bystander = run("a");
      await begun("a");
      const error = await failure(poison(RETRY));
      expect(error).toMatchObject({ code: "RETRY_EXHAUSTED", node: "poison", attempts: 3 });
      expect(error.errors).toMatchObject(Array(3).fill({ name: "BackendError", code: "WORKER_LOST" }));
      expect(error.cause.message).toContain("If the node itself ends its workers");
      expect(told("poison")).toHaveLength(3);
      open("a");
      // It was beside the first, and perhaps beside others.
      expect((await bystander).get("guarded")).not.toBe(Number(told("a")[0].split(" ")[2]));
      expect(ended).toBe(3);
      expect(await failure(poison({ retries: 0, delay: 0 }))).toMatchObject({ code: "WORKER_LOST", attempt: 1 });
      await until(() => ended === 4);
      isOver = true;
      expect(told("poison")).toHaveLength(4);
      await until(async () => (await countJobs()) === 0);
    });

    it("and come back with other code take nothing that they can't do", async () => {
      const { worker, run, begun, told, open } = scene();
      const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
      const old = await worker({ isOutdated: true });
      const runs = ["a", "b", "c"].map(run);
      await until(() => warned.mock.calls.length > 0);
      const fresh = await worker();
      for (const gate of ["a", "b", "c"]) {
        await begun(gate);
        open(gate);
      }
      const results = await Promise.all(runs);
      expect(results.map((result) => result.get("guarded"))).toEqual(Array(3).fill(fresh.pid));
      expect(results.map(({ nodes }) => nodes.get("guarded")?.attempts)).toEqual([1, 1, 1]);
      expect(told("outdated")).toEqual([]);
      expect(old.exitCode).toBeNull();
      expect(warned).toHaveBeenCalledTimes(1);
    });
  });
}
