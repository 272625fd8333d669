import { afterEach, describe, expect, it, vi } from "vitest";
import { Dag } from "dagwright";
import { never, sleep, until } from "../../support/waiting.js";

function doubling() {
  const dag = new Dag("doubling");
  dag.node("double", (n: number) => n * 2);
  return dag.live({ inputs: { n: 0 } });
}

/** A source that is fed by hand, and tells when it was closed. */
function feed() {
  const seen = { closed: 0 };
  let wake = (): void => {};
  const values: number[] = [];
  async function* source() {
    try {
      for (;;) {
        while (values.length > 0) yield values.shift() as number;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      seen.closed++;
    }
  }
  const push = (value: number) => {
    values.push(value);
    wake();
  };
  return { seen, source: source(), push };
}

afterEach(() => void vi.restoreAllMocks());

describe("An input that follows a source", () => {
  it("is set to each value, until it is stopped", async () => {
    await using live = doubling();
    const { seen, source, push } = feed();
    const stop = live.follow("n", source);
    push(4);
    await until(() => live.get("double") === 8);
    push(5);
    await until(() => live.get("double") === 10);
    const stopping = stop();
    push(6);
    await stopping;
    expect(seen.closed).toBe(1);
    await sleep(2);
    expect(live.get("double")).toBe(10);
    await stop();
  });

  it("keeps the last value when the source ends, and may follow another, or several", async () => {
    await using live = doubling();
    live.follow("n", [1, 2, 3]);
    await until(() => live.get("double") === 6);
    live.follow("n", new Set([7]));
    await until(() => live.get("double") === 14);
    expect(live.errors).toEqual([]);
  });

  it("tells in errors that its source failed, until it follows another one", async () => {
    await using live = doubling();
    const stop = live.follow(
      "n",
      (function* () {
        yield 1;
        throw new Error("line lost");
      })(),
    );
    await until(() => live.errors.length > 0);
    expect(live.errors[0].message).toBe(
      'Input "n" of "doubling" is no longer followed, because its source failed: line lost. Follow another one.',
    );
    expect(live.errors[0].cause).toEqual(new Error("line lost"));
    await live.settled();
    expect(live.get("double")).toBe(2);
    live.follow("n", [4]);
    expect(live.errors).toEqual([]);
    await stop();
    await until(() => live.get("double") === 8);
  });

  it("that never rests lets the event loop turn", async () => {
    await using live = doubling();
    function* forever() {
      for (let n = 1; ; n++) yield n;
    }
    const stop = live.follow("n", forever());
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    await until(() => ticks > 2);
    clearInterval(timer);
    await stop();
    await live.settled();
    expect(live.get("double")).toBeGreaterThan(2);
  });

  it("lets a value overtake the computation of the one before", { tags: "slow" }, async () => {
    const dag = new Dag("d");
    const begun: number[] = [];
    dag.node("slow", (n: number) => {
      begun.push(n);
      return n === 9 ? n : never();
    });
    await using live = dag.live({ inputs: { n: 0 } });
    const { source, push } = feed();
    live.follow("n", source);
    for (const [i, n] of [1, 2, 9].entries()) {
      push(n);
      await until(() => begun.length === i + 2);
    }
    await live.settled();
    expect([live.get("slow"), begun]).toEqual([9, [0, 1, 2, 9]]);
  });

  it("is stopped when the live dag is closed, which waits for the source", async () => {
    const live = doubling();
    const { seen, source, push } = feed();
    live.follow("n", source);
    push(1);
    await until(() => live.get("double") === 2);
    const closing = live.close();
    push(2);
    await closing;
    expect(seen.closed).toBe(1);
    expect(live.get("double")).toBe(2);
  });

  it("warns of a source that throws when the live dag is closed", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockReturnValue();
    const live = doubling();
    const iterator = { next: () => never(), return: () => Promise.reject(new Error("stuck")) };
    live.follow("n", { [Symbol.asyncIterator]: () => iterator as never });
    await live.close();
    expect(warned).toHaveBeenCalledWith(
      'A source that "doubling" follows threw when it was closed: stuck',
      "DagwrightStreamWarning",
    );
  });
});
