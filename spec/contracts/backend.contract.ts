import { describe, expect, it } from "vitest";
import {
  CancelledError,
  NodeTimeoutError,
  type Dag,
  type NodeHooks,
  type Observer,
  type RunOptions,
  type RunResult,
} from "dagwright";
import { until } from "../support/waiting.js";

/** A backend, and how specs get nodes to run on it. */
export interface BackendSubject {
  /** Its name in runs. */
  readonly backend: string;
  /** Of runs whose nodes run there. */
  readonly options: RunOptions;
  /** The same dag with its nodes there. */
  readonly placed: <D extends Dag<any>>(dag: D) => D;
}

/** What a backend can do that has to be the same on all. */
export interface Repertoire extends Omit<BackendSubject, "placed"> {
  /** Made by `repertoire`. */
  readonly dag: Dag;
  /** What its failures are caused by. */
  readonly failure: object;
}

/** Plain values, as they come back from everywhere. */
const VALUES: Readonly<Record<string, unknown>> = {
  "a number": 7.5,
  "a text": "Straße 😀 \\u0000 \n",
  "an empty text": "",
  nothing: null,
  "a list": [1, [2, []], { a: null }],
  "a record": { rows: [{ id: 1, tags: ["x"] }], isOpen: false },
};

/** What holds for every backend. */
export function backendContract({ backend, options, dag, failure }: Repertoire): void {
  const run = (node: string, given: RunOptions = {}): Promise<RunResult<any>> =>
    dag.runUntil(node, { ...options, errorStrategy: "continue", ...given });
  const echo = async (value: unknown) => {
    const { nodes, results } = await run("echo", { inputs: { value } });
    expect(nodes.get("echo")).toMatchObject({ backend, backendReason: undefined, status: "completed", attempts: 1 });
    return (results as { echo: unknown }).echo;
  };

  describe(`The backend ${backend}`, () => {
    it.each(Object.entries(VALUES))("gives back %s", async (_, value) => {
      expect(await echo(value)).toEqual(value);
    });

    it("gives back large values", { tags: "slow" }, async () => {
      const rows = Array.from({ length: 20_000 }, (_, id) => ({ id, name: `row ${id}` }));
      expect(await echo(rows)).toEqual(rows);
    });

    it("fails with an error that is retried", async () => {
      const { attempts, error } = (await run("retried")).nodes.get("retried") ?? {};
      expect(attempts).toBe(3);
      expect(error).toMatchObject({ code: "RETRY_EXHAUSTED", node: "retried", cause: failure });
    });

    it("leaves an attempt at its timeout, and executes others", async () => {
      const { nodes } = await run("late");
      expect(nodes.get("late")?.error).toBeInstanceOf(NodeTimeoutError);
      expect(nodes.get("late")).toMatchObject({ backend, attempts: 1 });
      expect(await echo(1)).toBe(1);
    });

    it("leaves an attempt when its run is cancelled, and executes others", async () => {
      const begun: (string | undefined)[] = [];
      const observers: Observer[] = [(event) => event.type === "attempt.started" && begun.push(event.node)];
      const cancel = new AbortController();
      const cancelled = run("hangs", { observers, signal: cancel.signal });
      await until(() => begun.includes("hangs"));
      cancel.abort();
      await expect(cancelled).rejects.toBeInstanceOf(CancelledError);
      expect(await echo("after")).toBe("after");
    });

    it("is within hooks, caches and fallbacks", async () => {
      const hooks: NodeHooks = { postExecute: (_, __, result) => [result] };
      const first = await run("kept", { inputs: { value: 3 }, hooks });
      const second = await run("kept", { inputs: { value: 3 }, hooks });
      expect([first.get("kept"), second.get("kept")]).toEqual([[3], [3]]);
      expect(second.nodes.get("kept")).toMatchObject({ cached: true });
      expect((await run("replaced")).get("replaced")).toBe("stood in");
    });
  });
}
