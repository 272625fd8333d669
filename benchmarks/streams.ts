/**
 * What does an item of a stream cost, and does memory stay flat?
 *
 * Between the nodes of one run: 1M records from a producer to a consumer, compared to `for await` over the same generator.
 * Through a dag: 100,000 values through five nodes with `dag.stream`, compared to five chained async generators and to RxJS
 * with `concatMap`. Needs `--expose-gc`.
 */
import { Dag, stream } from "dagwright";
import { concatMap, from, lastValueFrom, reduce, type Observable } from "rxjs";
import { expectSame, round, takeTurns, verdict } from "./measure.js";

// --- between nodes ---

const RECORDS = 1_000_000;
const RECORDS_SUM = (RECORDS * (RECORDS - 1)) / 2;

interface Row {
  readonly id: number;
  readonly text: string;
}

/** The most memory that the process has had since {@link Memory.begin}, over what it had then. */
class Memory {
  private heap = 0;
  private resident = 0;
  private peak = 0;

  /** @throws {Error} without `--expose-gc` */
  begin(): void {
    const { heapUsed, rss } = this.settled();
    [this.heap, this.resident, this.peak] = [heapUsed, rss, rss];
  }

  sample(): void {
    this.peak = Math.max(this.peak, process.memoryUsage.rss());
  }

  get growth() {
    return { heap: (this.settled().heapUsed - this.heap) / 1e6, peak: (this.peak - this.resident) / 1e6 };
  }

  private settled(): NodeJS.MemoryUsage {
    if (globalThis.gc === undefined) throw new Error("Run this with node --expose-gc.");
    globalThis.gc();
    return process.memoryUsage();
  }
}

const memory = new Memory();

async function* rows(): AsyncGenerator<Row> {
  for (let id = 0; id < RECORDS; id++) yield { id, text: `row ${id}` };
}

async function total(source: AsyncIterable<Row>): Promise<number> {
  let [sum, count] = [0, 0];
  for await (const { id } of source) {
    sum += id;
    if (++count % 10_000 === 0) memory.sample();
  }
  return sum;
}

const piped = new Dag<any>("piped");
piped.node("rows", rows);
piped.node("total", { needs: [stream("rows")] } as never, total as never);
piped.validateOrThrow();
const runPiped = async () => (await piped.run({ mode: "async" })).value as number;

memory.begin();
expectSame(await runPiped(), RECORDS_SUM, "a stream of a run");
const { heap, peak } = memory.growth;
verdict("1M records between two nodes: growth of the heap, MB", heap, "≤", 2);
verdict("1M records between two nodes: most growth of resident memory, MB", peak, "≤", 64);
const between = await takeTurns(
  { "a stream of a run": runPiped, "for await": () => total(rows()) },
  { rounds: 7, warmups: 1, expected: RECORDS_SUM },
);
const ofRecord = `${round((between["a stream of a run"] * 1e6) / RECORDS)} ns a record`;
verdict(
  `1M records between two nodes, ${ofRecord} / for await`,
  between["a stream of a run"] / between["for await"],
  "≤",
  1.5,
);

// --- through a dag ---

const ITEMS = 100_000;
const NODES = 5;
const SUM = (ITEMS * (ITEMS - 1)) / 2 + NODES * ITEMS;

type Step = (item: number) => number | Promise<number>;

function* numbers(): Generator<number> {
  for (let i = 0; i < ITEMS; i++) yield i;
}

function chain(fn: Step): Dag<any> {
  const dag = new Dag<any>("chain");
  dag.node("n0", { params: ["x"] }, fn);
  for (let i = 1; i < NODES; i++) dag.node(`n${i}`, { needs: [`n${i - 1}`] }, fn);
  return dag.validateOrThrow();
}

async function sumOf(source: AsyncIterable<unknown>): Promise<number> {
  let sum = 0;
  for await (const value of source) sum += value as number;
  return sum;
}

async function* stage(source: Iterable<number> | AsyncIterable<number>, fn: Step): AsyncGenerator<number> {
  for await (const item of source) yield await fn(item);
}

function stages(fn: Step): AsyncIterable<number> {
  let source: Iterable<number> | AsyncIterable<number> = numbers();
  for (let i = 0; i < NODES; i++) source = stage(source, fn);
  return source as AsyncIterable<number>;
}

function rxjs(fn: Step): Promise<number> {
  let source: Observable<number> = from(numbers());
  for (let i = 0; i < NODES; i++) source = source.pipe(concatMap(async (item) => fn(item)));
  return lastValueFrom(source.pipe(reduce((sum, value) => sum + value, 0)));
}

for (const [name, fn] of [
  ["synchronous functions", (item: number) => item + 1],
  ["functions that resolve at once", async (item: number) => item + 1],
] as const) {
  const dag = chain(fn);
  const times = await takeTurns(
    {
      "dag.stream": () => sumOf(dag.stream(numbers(), { input: "x", values: true })),
      'dag.stream, mode "async"': () => sumOf(dag.stream(numbers(), { input: "x", values: true, mode: "async" })),
      "async generators": () => sumOf(stages(fn)),
      RxJS: () => rxjs(fn),
    },
    { rounds: 7, warmups: 1, expected: SUM },
  );
  for (const label of ["dag.stream", 'dag.stream, mode "async"'] as const) {
    const cost = `${round((times[label] * 1e6) / ITEMS)} ns an item, RxJS ${round((times.RxJS * 1e6) / ITEMS)} ns`;
    verdict(
      `${label}, 5 nodes, ${name}, ${cost} / async generators`,
      times[label] / times["async generators"],
      "≤",
      1.5,
    );
  }
}
