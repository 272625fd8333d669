import { Readable } from "node:stream";
import { describe, expect, it, vi } from "vitest";
import { Dag, type Source } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { all, doubling, leave, numbers } from "../../support/streams.js";
import { meeting } from "../../support/meeting.js";
import { failure, never, sleep, until } from "../../support/waiting.js";

async function* slowly(count: number) {
  for (let n = 0; n < count; n++) {
    await sleep(1);
    yield n;
  }
}

function webStream(count: number, cancelled: unknown[] = []) {
  let n = 0;
  return new ReadableStream<number>({
    pull(controller) {
      if (n === count) controller.close();
      else controller.enqueue(n++);
    },
    cancel(reason) {
      cancelled.push(reason);
    },
  });
}

describe("A source of a stream may be", () => {
  it.each<[string, () => Source<number>]>([
    ["an array", () => numbers(5)],
    ["a Set", () => new Set(numbers(5))],
    ["an array of promises", () => numbers(5).map((n) => Promise.resolve(n))],
    ["an async generator", () => slowly(5)],
    ["a Readable", () => Readable.from(numbers(5))],
    ["a ReadableStream", () => webStream(5)],
    [
      "a foreign async iterable without return",
      () => {
        let n = 0;
        const next = async () => (n < 5 ? { done: false, value: n++ } : { done: true, value: undefined as never });
        return { [Symbol.asyncIterator]: () => ({ next }) };
      },
    ],
    ["another stream", () => innerStream()],
  ])("%s", async (_what, source) => {
    expect(await all(doubling().stream(source(), { input: "n", values: true }))).toEqual([0, 2, 4, 6, 8]);
  });

  function innerStream(): AsyncIterable<number> {
    const dag = new Dag("inner");
    dag.node("same", (n: number) => n);
    return dag.stream(numbers(5), { input: "n", values: true }) as AsyncIterable<number>;
  }

  it("an iterable of promises, one of which rejects", async () => {
    let closed = 0;
    function* source() {
      try {
        yield 1;
        yield Promise.reject<number>(new Error("lost"));
      } finally {
        closed++;
      }
    }
    const error = await failure(all(doubling().stream(source(), { input: "n" })));
    expect(error).toMatchObject({ index: 1, cause: new Error("lost") });
    expect(closed).toBe(1);
  });
});

describe("Leaving the loop", () => {
  it("destroys a Readable, even while it waits for data", async () => {
    const readable = new Readable({ objectMode: true, read() {} });
    readable.push(1);
    await leave(doubling().stream(readable, { input: "n" }));
    expect(readable.destroyed).toBe(true);
  });

  it("cancels a ReadableStream, even while it waits for data, and lets go of it", async () => {
    const cancelled: unknown[] = [];
    const stream = new ReadableStream<number>({
      start: (controller) => controller.enqueue(1),
      cancel: (reason) => void cancelled.push(reason),
    });
    await leave(doubling().stream(stream, { input: "n" }));
    expect(cancelled).toHaveLength(1);
    expect(stream.locked).toBe(false);
  });

  it("lets an ended ReadableStream go", async () => {
    const stream = webStream(3);
    await all(doubling().stream(stream, { input: "n" }));
    expect(stream.locked).toBe(false);
  });

  it("waits for an async generator that is between two items to end", async () => {
    let ended = 0;
    async function* source() {
      try {
        yield* slowly(100);
      } finally {
        await sleep(2);
        ended++;
      }
    }
    await leave(doubling().stream(source(), { input: "n" }));
    expect(ended).toBe(1);
  });

  it("waits a second for one that never gives another item", { tags: "slow" }, async () => {
    let ended = 0;
    async function* source() {
      try {
        yield 1;
        await never();
      } finally {
        ended++;
      }
    }
    const began = performance.now();
    await leave(doubling().stream(source(), { input: "n" }));
    expect(performance.now() - began).toBeGreaterThan(900);
    expect(ended).toBe(0);
  });

  it("warns of a source that throws long after it was to be closed", { tags: "slow" }, async () => {
    const warned = vi.spyOn(process, "emitWarning").mockReturnValue();
    let goOn = () => {};
    async function* source() {
      yield 1;
      try {
        await new Promise((resolve) => (goOn = resolve as () => void));
        yield 2;
      } finally {
        // eslint-disable-next-line no-unsafe-finally
        throw new Error("late");
      }
    }
    await leave(doubling().stream(source(), { input: "n" }));
    goOn();
    await until(() => warned.mock.calls.length > 0);
    expect(warned.mock.calls[0][0]).toBe('The source of the stream of "doubling" threw when it was closed: late');
    vi.restoreAllMocks();
  });
});

describe("With a store, a stream", () => {
  it("records each run, under the ids that it gives", async () => {
    const store = sqliteStore(":memory:");
    let calls = 0;
    const dag = new Dag("recorded");
    dag.node("a", (n: number) => {
      calls++;
      if (n === 3) throw new Error("crash");
      return n;
    });
    const options = { input: "n", store, runId: (index: number) => `item-${index}` } as const;
    expect(await all(dag.stream(numbers(3), { ...options, values: true }))).toEqual([0, 1, 2]);
    expect((await store.getRun("item-2"))?.status).toBe("completed");
    // A stream that is read again goes on where it was.
    const again = await all(
      dag.stream(numbers(5), { ...options, ifExists: "attach", values: true, onItemError: "skip" }),
    );
    expect(again).toEqual([0, 1, 2, 4]);
    expect(calls).toBe(5);
    expect((await store.getRun("item-3"))?.status).toBe("failed");
    await store.close();
  });

  it("limits nodes as well", async () => {
    const store = sqliteStore(":memory:");
    const dag = new Dag("recorded limits");
    const { seen, attend } = meeting(2);
    dag.node("a", (n: number) => attend(n));
    const options = { input: "n", store, values: true, nodeConcurrency: { a: 2 } } as const;
    expect(await all(dag.stream(numbers(8), options))).toEqual(numbers(8));
    expect(seen.most).toBe(2);
    await store.close();
  });
});
