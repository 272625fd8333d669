/**
 * Compile-time checks of streams, with standard decorators here, and with legacy ones by `spec/legacy/tsconfig.json`,
 * which includes this file.
 */
import { Dag, map, node, optional, stream, subworkflow, type Item } from "dagwright";

interface Row {
  readonly id: string;
}

class Feed {
  @node async *rows(): AsyncGenerator<Row> {
    yield { id: "a" };
  }
}

export class Right {
  @node async *rows(): AsyncGenerator<Row> {
    yield { id: "a" };
  }
  @node *numbers(): Generator<number, string> {
    yield 1;
    return "done";
  }
  @node *promises(): Generator<Promise<number>> {
    yield Promise.resolve(1);
  }
  @node("promises") settled(numbers: number[]): unknown {
    return numbers;
  }
  @node("rows") all(rows: Row[]): number {
    return rows.length;
  }
  @node(stream("rows")) async each(rows: AsyncIterable<Row>): Promise<number> {
    let n = 0;
    for await (const { id } of rows) n += id.length;
    return n;
  }
  @node(stream("numbers"), "all") both(numbers: AsyncIterable<number>, all: number): unknown {
    return [numbers, all];
  }
  @node(optional(stream("rows"))) maybe(rows: AsyncIterable<Row> | undefined): unknown {
    return rows;
  }
  @map(stream("rows")) length(row: Item<Row>): number {
    return row.id.length;
  }
  @node(stream("length")) async sum(lengths: AsyncIterable<number>): Promise<number> {
    let sum = 0;
    for await (const each of lengths) sum += each;
    return sum;
  }
  @node feed = subworkflow(Feed, { output: "rows" });
  @node(stream("feed")) fed(rows: AsyncIterable<Row>): unknown {
    return rows;
  }
  @node(stream("feed.rows")) inside(rows: AsyncIterable<Row>): unknown {
    return rows;
  }
  @node("feed") whole(rows: Row[]): unknown {
    return rows;
  }
}

export class Wrong {
  @node async *rows(): AsyncGenerator<Row> {
    yield { id: "a" };
  }
  @node count(): number {
    return 1;
  }
  // @ts-expect-error a stream is no list
  @node(stream("rows")) list(rows: Row[]): unknown {
    return rows;
  }
  // @ts-expect-error its items are rows
  @node(stream("rows")) numbers(rows: AsyncIterable<number>): unknown {
    return rows;
  }
  // @ts-expect-error a plain need has the list
  @node("rows") plain(rows: AsyncGenerator<Row>): unknown {
    return rows;
  }
  // @ts-expect-error it produces no items
  @node(stream("count")) none(count: AsyncIterable<number>): unknown {
    return count;
  }
  // @ts-expect-error there is no such method
  @node(stream("row")) unknown(rows: AsyncIterable<Row>): unknown {
    return rows;
  }
  // @ts-expect-error it may be undefined
  @node(optional(stream("rows"))) maybe(rows: AsyncIterable<Row>): unknown {
    return rows;
  }
  // @ts-expect-error the items of the workflow are rows
  @node(stream("feed")) fed(rows: AsyncIterable<number>): unknown {
    return rows;
  }
  @node feed = subworkflow(Feed, { output: "rows" });
}

export async function results(): Promise<void> {
  const run = await Dag.from(Right).run({ mode: "async" });
  const rows: Row[] | undefined = run.get("rows");
  const numbers: number[] | undefined = run.get("numbers");
  const lengths: number[] | undefined = run.get("length");
  // @ts-expect-error a list of rows
  const wrong: number[] | undefined = run.get("rows");
  void [rows, numbers, lengths, wrong];
}

export async function built(): Promise<void> {
  const dag = new Dag("built");
  const rows = dag.node("rows", async function* (): AsyncGenerator<Row> {
    yield { id: "a" };
  });
  const ids = dag.node("ids", { needs: [stream(rows)] }, async function* (each) {
    for await (const row of each) yield row.id;
  });
  const lengths = dag.map("lengths", { needs: [stream(ids)] }, (id) => id.length);
  const sum = dag.node("sum", { needs: [stream(lengths), optional(stream(ids))] }, async (numbers, names) => {
    let total = 0;
    for await (const n of numbers) total += n;
    // @ts-expect-error it may be undefined
    void names[Symbol.asyncIterator];
    return total;
  });
  const all = dag.node("all", { needs: [ids] }, (list) => list.join());
  // @ts-expect-error a stream is no list
  dag.node("wrong", { needs: [stream(ids)] }, (list) => list.join());
  const run = await dag.run({ mode: "async" });
  const total: number | undefined = run.get(sum);
  const text: string | undefined = run.get(all);
  const list: string[] | undefined = run.get(ids);
  void [total, text, list];
}
