import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Dag, stream } from "dagwright";
import { counting } from "../../support/item-streams.js";
import { failure, sleep, turns } from "../../support/waiting.js";

/** A node of a random network. */
interface Part {
  readonly kind: "source" | "pass" | "map" | "sink";
  /** Which earlier nodes it streams one after the other, as numbers to be reduced to the number of these. */
  readonly from: readonly number[];
  readonly count: number;
  readonly buffer: number;
  /** How many microtasks an item takes. */
  readonly pace: number;
  /** After how many items it stops, or fails; never if that is more than there are. */
  readonly stop: number;
  readonly fails: boolean;
  /** Whether another node takes all items at once. */
  readonly isTaken: boolean;
}

/** What a node gives. */
interface Given {
  readonly items: readonly number[];
  readonly fails: boolean;
  /** Whether exactly these items come, or some of the first of them. */
  readonly isExact: boolean;
}

type Items = AsyncIterable<number>;

const partOf: fc.Arbitrary<Part> = fc.record({
  kind: fc.constantFrom("source", "pass", "map", "sink"),
  from: fc.array(fc.nat(20), { minLength: 1, maxLength: 2 }),
  count: fc.nat(12),
  buffer: fc.integer({ min: 1, max: 4 }),
  pace: fc.nat(3),
  stop: fc.oneof(fc.constant(99), fc.nat(8)),
  fails: fc.boolean(),
  isTaken: fc.boolean(),
});

/** A network, what it does as it runs, and what it should. */
class Network {
  readonly dag = new Dag("network");
  readonly opened: string[] = [];
  readonly closed: string[] = [];
  readonly seen = new Map<string, number[]>();
  readonly expected = new Map<string, Given>();
  readonly taken: string[] = [];
  readonly sinks: string[] = [];

  constructor(parts: readonly Part[]) {
    const streams: string[] = [];
    parts.forEach((part, k) => {
      const kind = streams.length === 0 ? "source" : part.kind;
      const name = `${kind}${k}`;
      const from = Array.from(new Set(part.from.map((n) => streams[n % streams.length])));
      this.add(name, kind, kind === "map" ? from.slice(0, 1) : from, part);
      if (kind === "sink") return void this.sinks.push(name);
      streams.push(name);
      if (!part.isTaken) return;
      this.taken.push(name);
      this.dag.node(`all ${name}`, { needs: [name] }, (all: number[]) => all);
    });
  }

  private add(name: string, kind: Part["kind"], from: readonly string[], part: Part): void {
    const { buffer, pace, count } = part;
    const needs = from.map((source) => stream(source));
    if (kind === "source") {
      this.expect(name, { items: Array.from({ length: count }, (_, i) => i), fails: false, isExact: true }, part);
      const items = () => this.watched(name, part, [counting(count)()]);
      this.dag.node(name, { buffer }, async function* () {
        yield* items();
      });
    } else if (kind === "pass") {
      this.expect(name, this.joined(from), part);
      const pass = (...sources: Items[]) => this.watched(name, part, sources);
      this.dag.node(
        name,
        { needs, buffer },
        needs.length === 1
          ? async function* (a: Items) {
              yield* pass(a);
            }
          : async function* (a: Items, b: Items) {
              yield* pass(a, b);
            },
      );
    } else if (kind === "map") {
      const { items, fails, isExact } = this.joined(from);
      this.expected.set(name, { items: items.map((n) => n + 1), fails, isExact: isExact && !fails });
      this.dag.map(name, { needs: needs as never, buffer, concurrency: buffer }, async (n: number) => {
        await turns(pace);
        return n + 1;
      });
    } else {
      this.expect(name, this.joined(from), part);
      const read = async (...sources: Items[]): Promise<number> => {
        let read = 0;
        const items = this.watched(name, part, sources);
        while ((await items.next()).done !== true) read++;
        return read;
      };
      this.dag.node(name, { needs }, needs.length === 1 ? (a: Items) => read(a) : (a: Items, b: Items) => read(a, b));
    }
  }

  private expect(name: string, { items, fails, isExact }: Given, { stop, fails: failsThere }: Part): void {
    if (stop >= items.length) this.expected.set(name, { items, fails, isExact });
    else this.expected.set(name, { items: items.slice(0, stop), fails: failsThere, isExact });
  }

  /** What one gets who reads some nodes one after the other. */
  private joined(from: readonly string[]): Given {
    const [first, second] = from.map((source) => this.expected.get(source) as Given);
    if (second === undefined || first.fails) return first;
    const { fails, isExact } = second;
    return { items: [...first.items, ...second.items], fails, isExact: first.isExact && isExact };
  }

  /** Reads sources one after the other, and notes what comes. */
  private async *watched(name: string, { pace, stop, fails }: Part, sources: readonly Items[]): AsyncGenerator<number> {
    const seen: number[] = [];
    this.seen.set(name, seen);
    this.opened.push(name);
    try {
      for (const source of sources) {
        for await (const item of source) {
          await turns(pace);
          if (seen.length === stop) {
            if (fails) throw new Error(`${name} fails`);
            return;
          }
          seen.push(item);
          yield item;
        }
      }
    } finally {
      this.closed.push(name);
    }
  }

  /** Checks what holds for every run, however it ended. */
  checkClosed(): void {
    expect(Array.from(this.closed).sort()).toEqual(Array.from(this.opened).sort());
    for (const [name, seen] of this.seen) {
      const { items } = this.expected.get(name) as Given;
      expect(seen).toEqual(items.slice(0, seen.length));
    }
  }
}

const networks = fc.array(partOf, { minLength: 2, maxLength: 9 }).map((parts) => () => new Network(parts));
const modes = fc.constantFrom(
  { mode: "sequential" as const },
  { mode: "async" as const },
  { mode: "async" as const, concurrency: 1 },
  { mode: "async" as const, concurrency: 2 },
);

describe("A network of streams", () => {
  it("gives every node its items in order, all of them or until it stops, and closes everything once", async () => {
    await fc.assert(
      fc.asyncProperty(networks, modes, async (build, options) => {
        const network = build();
        const run = await network.dag.run({ ...options, errorStrategy: "continue", timeout: 20_000 });
        network.checkClosed();
        for (const name of network.sinks) {
          const { items, fails, isExact } = network.expected.get(name) as Given;
          if (isExact) expect(network.seen.get(name) ?? []).toEqual(items);
          expect(run.nodes.get(name)?.status).toBe(fails ? "failed" : "completed");
          if (!fails) expect(run.get(name)).toBe(items.length);
        }
        for (const name of network.taken) {
          const { items, fails } = network.expected.get(name) as Given;
          if (!fails) expect([run.get(name), run.get(`all ${name}`)]).toEqual([items, items]);
          else expect(run.nodes.get(name)?.status).toBe("failed");
        }
      }),
      { numRuns: 300 },
    );
  });

  it("closes everything once when it is aborted at any moment", async () => {
    await fc.assert(
      fc.asyncProperty(networks, modes, fc.nat(200), async (build, options, moment) => {
        const network = build();
        const controller = new AbortController();
        const running = network.dag.run({ ...options, errorStrategy: "continue", signal: controller.signal });
        const ended = running.then(
          () => "completed",
          (error: { code: string }) => error.code,
        );
        await turns(moment);
        controller.abort();
        expect(["completed", "CANCELLED"]).toContain(await ended);
        await sleep(1);
        network.checkClosed();
      }),
      { numRuns: 300 },
    );
  });

  it("ends at the first failure under failFast", async () => {
    await fc.assert(
      fc.asyncProperty(networks, modes, async (build, options) => {
        const network = build();
        const expected = network.sinks.some((name) => network.expected.get(name)?.fails === true);
        const running = network.dag.run({ ...options, timeout: 20_000 });
        if (expected) expect((await failure(running)).code).toBe("EXECUTION");
        else await running.catch((error: { code: string }) => expect(error.code).toBe("EXECUTION"));
        await sleep(1);
        network.checkClosed();
      }),
      { numRuns: 200 },
    );
  });
});
