import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { BackendError, Dag, type RunStore } from "dagwright";
import { bundled } from "../support/bundled.js";
import { placedOn } from "../support/placed.js";
import { Counting, working } from "../support/remote-workflows.js";
import { type Broker, countJobs, queueName, useRemote, useWorker } from "../support/remoted.js";
import { failure, until } from "../support/waiting.js";

const script = bundled("remote-worker");
const LEASE = 1500;

/** What holds between a run and its workers. @param name - of the broker, for titles */
export function remoteWorkingContract(name: string, broker: Broker, store: () => RunStore): void {
  const processes: ChildProcess[] = [];
  const folders: string[] = [];
  afterEach(async () => {
    for (const child of processes.splice(0)) child.kill("SIGKILL");
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });
  const ledger = () => {
    const folder = mkdtempSync(join(tmpdir(), "dagwright-remote-"));
    folders.push(folder);
    const file = join(folder, "ledger");
    writeFileSync(file, "");
    return { file, lines: () => readFileSync(file, "utf8").split("\n").slice(0, -1) };
  };
  const startWorker = async (queue: string) => {
    const options = JSON.stringify({ ...broker, queue, lease: LEASE });
    const child = spawn(process.execPath, ["--no-warnings", script, options], { stdio: ["ignore", "pipe", "inherit"] });
    processes.push(child);
    await once(child.stdout as NodeJS.ReadableStream, "data");
    return child;
  };
  const hybrid = { mode: "hybrid" } as const;
  const onto = <D extends Dag<any>>(dag: D, queue: string, more: object = {}) => {
    const backend = useRemote({ ...broker, queue, lease: LEASE, ...more });
    return { backend, dag: placedOn(dag, () => backend) };
  };

  describe(`Remote nodes through ${name}`, () => {
    it("fails an attempt whose worker dies, and retries it on another", async () => {
      const queue = queueName();
      const { dag } = onto(working, queue);
      dag.configureNode("note", { retry: { retries: 1, delay: 0 } });
      const { file, lines } = ledger();
      const first = await startWorker(queue);
      const run = dag.runUntil("note", { ...hybrid, inputs: { file } });
      await until(() => lines().length === 1);
      await startWorker(queue);
      first.kill("SIGKILL");
      const { results, nodes } = (await run) as any;
      expect(results.note).toBe(2);
      expect(nodes.get("note")).toMatchObject({ attempts: 2, status: "completed" });
      expect(lines().map((line) => line.split(" ").slice(0, 2))).toEqual([
        ["begun", "1"],
        ["begun", "2"],
      ]);
    });

    it("names the loss of a worker, also when no other is there", async () => {
      const queue = queueName();
      const { dag } = onto(working, queue);
      const { file, lines } = ledger();
      const only = await startWorker(queue);
      const run = failure(dag.runUntil("note", { ...hybrid, inputs: { file } }));
      await until(() => lines().length === 1);
      only.kill("SIGKILL");
      const error = await run;
      expect(error).toBeInstanceOf(BackendError);
      expect(error).toMatchObject({ code: "WORKER_LOST", node: "note", attempt: 1 });
    });

    it("aborts the signal of a node at its worker when its run is cancelled, and at its timeout", async () => {
      const queue = queueName();
      const { dag } = onto(working, queue);
      const { file, lines } = ledger();
      await startWorker(queue);
      const cancel = new AbortController();
      const run = failure(dag.runUntil("waits", { ...hybrid, inputs: { file }, signal: cancel.signal }));
      await until(() => lines().length === 1);
      cancel.abort();
      expect(await run).toMatchObject({ code: "CANCELLED" });
      await until(() => lines().length === 2);
      expect(lines()[1]).toMatch(/^aborted/u);
      const late = dag.clone().configureNode("waits", { timeout: 2000 }) as unknown as Dag<any>;
      expect(await failure(late.runUntil("waits", { ...hybrid, inputs: { file } }))).toMatchObject({
        code: "NODE_TIMEOUT",
      });
      await until(() => lines().filter((line) => line.startsWith("aborted")).length === 2);
    });

    it("takes a job back that no worker has when its call is over", async () => {
      const queue = queueName();
      const { backend, dag } = onto(working, queue, { timeout: 50 });
      const error = await failure(dag.runUntil("waits", { ...hybrid, inputs: { file: "nowhere" } }));
      expect(error).toMatchObject({ code: "BACKEND" });
      expect(error.message).toContain('It took more than 50 ms, its "timeout".');
      await backend.close();
      expect(await countJobs(broker, queue)).toBe(0);
    });

    it("leaves jobs of other code to workers that have it, and both sides say so once", async () => {
      const queue = queueName();
      const warnings: string[] = [];
      const emitted = vi.spyOn(process, "emitWarning").mockImplementation((text) => void warnings.push(String(text)));
      const old = new Dag<any>("changing");
      old.node("double", (m: number) => m * 3);
      const fresh = new Dag<any>("changing");
      fresh.node("double", (n: number) => n * 2);
      const stale = useWorker({ ...broker, queue, workflows: [old] });
      await stale.ready();
      const { dag } = onto(fresh, queue);
      const run = dag.run({ ...hybrid, inputs: { n: 4 } });
      await until(() => warnings.length >= 2);
      await useWorker({ ...broker, queue, workflows: [fresh] }).ready();
      expect((await run).get("double")).toBe(8);
      expect(await Promise.all([5, 6].map((n) => dag.run({ ...hybrid, inputs: { n } })))).toMatchObject([
        { results: { double: 10 } },
        { results: { double: 12 } },
      ]);
      emitted.mockRestore();
      expect(warnings).toHaveLength(2);
      for (const text of warnings) {
        expect(text).toContain(
          'the worker has another node "double" of "changing": it takes (m) here, and (n) in the run',
        );
      }
    });

    it("takes parameters for the same that a compiler has numbered", async () => {
      const queue = queueName();
      const built = new Dag<any>("built");
      built.node("double", new Function("n2", "return n2 * 2") as (n2: number) => number);
      const source = new Dag<any>("built");
      source.node("double", (n: number) => n * 3);
      useWorker({ ...broker, queue, workflows: [built] });
      expect((await onto(source, queue).dag.run({ ...hybrid, inputs: { n: 4 } })).get("double")).toBe(8);
    });

    it("refuses what is too large without a store, with its size and path, before it is enqueued", async () => {
      const queue = queueName();
      const large = new Dag<any>("large");
      large.node("size", (text: string) => text.length);
      large.node("grow", (n: number) => "x".repeat(n));
      useWorker({ ...broker, queue, workflows: [large], store: store() });
      const { dag } = onto(large, queue);
      const inputs = { text: "x".repeat(300_000), n: 300_000 };
      const error = await failure(dag.runUntil("size", { ...hybrid, inputs: { ...inputs } }));
      expect(error).toMatchObject({ code: "BACKEND", retryable: false });
      expect(error.message).toContain("inputs.text has 293 KiB, and at most 256 KiB go through a queue");
      const recorded = await dag.run({ ...hybrid, inputs, store: store() });
      expect(recorded.results).toMatchObject({ size: 300_000 });
      expect((recorded.get("grow") as string).length).toBe(300_000);
    });

    it("names the item of a map in the error of each attempt", async () => {
      const dag = new Dag<any>("maps");
      dag.node("list", { backend: "inline" }, () => new Map([["a b", 1]]));
      dag.map("each", { needs: ["list"], retry: { retries: 1, delay: 0 } }, (value: number) => value);
      const { dag: placed } = onto(dag, queueName(), { timeout: 20 });
      const error = await failure(placed.run(hybrid));
      const site = { name: "BackendError", code: "BACKEND", item: "each[a b]" };
      expect(error.errors).toMatchObject([
        { ...site, attempt: 1 },
        { ...site, attempt: 2 },
      ]);
    });

    it("gives each run an instance of its own of a class", async () => {
      const queue = queueName();
      useWorker({ ...broker, queue, workflows: [Counting] });
      const { dag } = onto(Dag.from(Counting) as Dag<any>, queue);
      expect((await dag.run(hybrid)).get("second")).toEqual([1, 2]);
      expect((await dag.run(hybrid)).get("second")).toEqual([1, 2]);
    });

    it("completes its nodes when a worker is closed, and takes no more", async () => {
      const queue = queueName();
      const slow = new Dag<any>("slow");
      let begun = false;
      slow.node("wait", async () => {
        begun = true;
        await new Promise((resolve) => setTimeout(resolve, 100));
        return "done";
      });
      const closing = useWorker({ ...broker, queue, workflows: [slow] });
      const { backend, dag } = onto(slow, queue);
      const run = dag.run(hybrid);
      await until(() => begun);
      await closing.close();
      expect((await run).get("wait")).toBe("done");
      const waiting = failure(dag.run(hybrid));
      await until(async () => (await countJobs(broker, queue)) === 1);
      await backend.close();
      expect((await waiting).cause).toMatchObject({ code: "CLOSED" });
      expect(await countJobs(broker, queue)).toBe(0);
    });
  });
}
