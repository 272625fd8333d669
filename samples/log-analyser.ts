/**
 * Analyses a log while it is read: one generator reads its lines, a map parses them, another generator leaves out what
 * is no request, and two nodes count at the same time. No more than a few lines are in memory, however long the log is.
 * Give it a file: `npx tsx samples/log-analyser.ts access.log`. Without one, it reads `samples/data/access.log`.
 *
 * Prints:
 *
 *     24 lines, 21 requests, 3 others
 *     /orders: 9 requests, 2 failed
 *     /invoices: 7 requests, 1 failed
 *     /health: 5 requests, 0 failed
 *     the slowest: GET /invoices/2026 in 1804 ms
 *     the lines are kept: false
 */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Dag, map, node, stream, type Item } from "dagwright";

interface Request {
  readonly verb: string;
  readonly path: string;
  readonly status: number;
  readonly ms: number;
}

class LogAnalyser {
  readonly counts = { lines: 0, requests: 0 };

  constructor(private readonly file: string) {}

  @node async *lines(): AsyncGenerator<string> {
    for await (const line of createInterface({ input: createReadStream(this.file) })) {
      this.counts.lines++;
      yield line;
    }
  }

  /** Undefined for a line that is no request. */
  @map(stream("lines")) parse(line: Item<string>): Request | undefined {
    const [, verb, path, status, ms] = /^\S+ ([A-Z]+) (\S+) (\d{3}) (\d+)ms$/u.exec(line) ?? [];
    return verb === undefined ? undefined : { verb, path, status: Number(status), ms: Number(ms) };
  }

  @node(stream("parse")) async *requests(parsed: AsyncIterable<Request | undefined>): AsyncGenerator<Request> {
    for await (const request of parsed) {
      if (request === undefined) continue;
      this.counts.requests++;
      yield request;
    }
  }

  /** By the first part of the path: how many requests, and how many of them failed. */
  @node(stream("requests")) async byPath(requests: AsyncIterable<Request>): Promise<[string, number, number][]> {
    const totals = new Map<string, { all: number; failed: number }>();
    for await (const { path, status } of requests) {
      const part = `/${path.split("/")[1]}`;
      const total = totals.get(part) ?? { all: 0, failed: 0 };
      total.all++;
      if (status >= 400) total.failed++;
      totals.set(part, total);
    }
    const rows = Array.from(totals, ([part, { all, failed }]): [string, number, number] => [part, all, failed]);
    return rows.sort(([, a], [, b]) => b - a);
  }

  @node(stream("requests")) async slowest(requests: AsyncIterable<Request>): Promise<Request | undefined> {
    let slowest: Request | undefined;
    for await (const request of requests) if (request.ms > (slowest?.ms ?? -1)) slowest = request;
    return slowest;
  }
}

const [, , file = fileURLToPath(new URL("data/access.log", import.meta.url))] = process.argv;
const analyser = new LogAnalyser(file);
const run = await Dag.from(analyser).run({ mode: "async" });

const { lines, requests } = analyser.counts;
console.log(`${lines} lines, ${requests} requests, ${lines - requests} others`);
for (const [part, all, failed] of run.get("byPath")) console.log(`${part}: ${all} requests, ${failed} failed`);
const slowest = run.get("slowest");
if (slowest !== undefined) console.log(`the slowest: ${slowest.verb} ${slowest.path} in ${slowest.ms} ms`);
console.log(`the lines are kept: ${run.has("lines")}`);
