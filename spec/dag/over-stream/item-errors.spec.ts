import { describe, expect, it } from "vitest";
import {
  CancelledError,
  Dag,
  ExecutionError,
  StreamError,
  type Context,
  type StreamItem,
  type StreamOptions,
} from "dagwright";
import { all, counted, doubling, forever, numbers } from "../../support/streams.js";
import { failure, never, turns, until } from "../../support/waiting.js";

describe("An item that fails", () => {
  it("ends the stream, after the items before it", async () => {
    const { seen, source } = counted(numbers(100));
    const read: StreamItem[] = [];
    const reading = (async () => {
      for await (const item of doubling([3]).stream(source, { input: "n" })) read.push(item);
    })();
    const error = (await failure(reading)) as StreamError;
    expect(read.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(error).toBeInstanceOf(ExecutionError);
    expect(error.message).toMatch(/^Item 3 of the stream of "doubling" failed: Node "read" failed: bad 3\./u);
    expect(error).toMatchObject({ name: "StreamError", code: "STREAM", index: 3, input: 3, node: "read", attempt: 1 });
    expect((error.cause as Error).cause).toEqual(new Error("bad 3"));
    expect(error.run.status).toBe("failed");
    expect(error.runId).toBe(error.run.runId);
    expect(seen.closed).toBe(1);
    expect(seen.pulled).toBeLessThan(20);
  });

  it("is left out under skip", async () => {
    for (const ordered of [true, false]) {
      const options: StreamOptions = { input: "n", onItemError: "skip", ordered };
      const items = (await all(doubling([0, 3, 4, 9]).stream(numbers(10), options as { input: "n" }))) as StreamItem[];
      expect(items.map(({ index }) => index)).toEqual([1, 2, 5, 6, 7, 8]);
    }
  });

  it("goes to deadLetter, which is waited for", async () => {
    const dead: [number, unknown, string][] = [];
    const deadLetter = async ({ index, input }: { index: number; input: unknown }, error: unknown) => {
      await turns(5);
      dead.push([index, input, ((error as ExecutionError).cause as Error).message]);
    };
    const options = { input: "n", values: true, onItemError: "deadLetter", deadLetter } as const;
    expect(await all(doubling([1, 2]).stream(numbers(4), options))).toEqual([0, 6]);
    expect(dead).toEqual([
      [1, 1, "bad 1"],
      [2, 2, "bad 2"],
    ]);
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("no queue");
      },
    ],
    ["rejects", () => Promise.reject(new Error("no queue"))],
  ])("ends the stream when deadLetter %s", async (_what, deadLetter: () => unknown) => {
    const reading = all(doubling([1]).stream(numbers(9), { input: "n", onItemError: "deadLetter", deadLetter }));
    const error = await failure(reading);
    expect(error.message).toBe(
      '"deadLetter" threw on item 1 of the stream of "doubling": no queue. Correct the function.',
    );
    expect(error).toMatchObject({ index: 1, input: 1 });
  });

  it.each([
    [
      "is no record",
      [5],
      /^Item 0 .* failed: An item of a stream without the option "input" must be an object; received 5\.$/u,
    ],
    ["is undefined", [undefined], /must be an object; received undefined\.$/u],
    ["has an unknown input", [{ m: 1 }], /Workflow "doubling" takes no input "m"\./u],
    ["lacks an input", [{}], /Workflow "doubling" lacks input "n" of node "read"/u],
  ])("because it %s fails as one whose run fails", async (_what, items, message) => {
    const error = (await failure(all(doubling().stream(items as object[])))) as StreamError;
    expect(error).toBeInstanceOf(StreamError);
    expect(error.message).toMatch(message);
    expect(error).toMatchObject({ index: 0, runId: "" });
    expect(
      await all(doubling().stream([...items, { n: 2 }] as object[], { values: true, onItemError: "skip" })),
    ).toEqual([4]);
  });

  it("under continue is no failure: its run tells", async () => {
    const items = await all(doubling([1]).stream([0, 1], { input: "n", errorStrategy: "continue" }));
    expect(items.map(({ run }) => run.status)).toEqual(["completed", "failed"]);
  });
});

describe("A signal", () => {
  it.each([0, 1, 2, 3, 5, 8, 13, 21, 34])("that aborts after %d turns ends the stream", async (wait) => {
    const controller = new AbortController();
    const { seen, source } = counted(forever());
    const dag = doubling();
    dag.node("slow", { needs: ["double"] }, async (n: number) => {
      await turns(3);
      return n;
    });
    const reading = all(dag.stream(source, { input: "n", signal: controller.signal }));
    const failed = failure(reading);
    await turns(wait);
    controller.abort(new Error("enough"));
    const error = await failed;
    expect(error).toBeInstanceOf(CancelledError);
    expect(error.message).toMatch(/^The stream of "doubling" was cancelled after \d+ items?: enough\.$/u);
    expect(error.cause).toEqual(new Error("enough"));
    await turns(20);
    expect(seen.closed).toBe(seen.pulled === 0 ? 0 : 1);
  });

  it("that has aborted pulls nothing", async () => {
    const { seen, source } = counted(forever());
    const reading = all(doubling().stream(source, { input: "n", signal: AbortSignal.abort() }));
    expect(await failure(reading)).toBeInstanceOf(CancelledError);
    expect(seen.pulled).toBe(0);
  });

  it.each(["sequential", "async"] as const)("aborts the run of the item that aborts it, in mode %s", async (mode) => {
    const abort = new AbortController();
    const after: number[] = [];
    const dag = new Dag("aborting");
    dag.node("a", (n: number) => {
      if (n === 3) abort.abort();
      return n;
    });
    dag.node("b", { needs: ["a"] }, (n: number) => after.push(n));
    expect(await failure(all(dag.stream(numbers(9), { input: "n", mode, signal: abort.signal })))).toBeInstanceOf(
      CancelledError,
    );
    expect(after).toEqual([0, 1, 2]);
  });

  it("is heard by the next call of next, when none waits", async () => {
    const controller = new AbortController();
    const stream = doubling().stream(forever(), { input: "n", signal: controller.signal });
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    controller.abort();
    expect(await failure(iterator.next())).toBeInstanceOf(CancelledError);
    expect((await iterator.next()).done).toBe(true);
  });

  it("aborts runs in flight, and a source that never answers", async () => {
    const controller = new AbortController();
    const dag = new Dag("d");
    let started = 0;
    let aborted = 0;
    dag.node("a", (ctx: Context) => {
      started++;
      return new Promise(() => ctx.signal.addEventListener("abort", () => aborted++));
    });
    async function* source() {
      yield {};
      yield {};
      yield await never();
    }
    const failed = failure(all(dag.stream(source(), { signal: controller.signal })));
    await until(() => started === 2);
    controller.abort();
    expect(await failed).toBeInstanceOf(CancelledError);
    expect(aborted).toBe(2);
  });
});
