/**
 * A dag over a stream: reads a log line by line, looks up who made each request, two look-ups at a time, and sets
 * broken lines aside. No more than eight lines are in memory at once, however long the log is.
 *
 * Prints:
 *
 *     1 alice reads /orders
 *     2 bob writes /orders/7
 *     4 alice reads /invoices
 *     set aside: line 3, "GET"
 *     at most 2 look-ups at once
 */
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { Dag, node } from "dagwright";

const LOG = "17 GET /orders\n4 POST /orders/7\nGET\n17 GET /invoices\n";
const USERS = new Map([
  ["17", "alice"],
  ["4", "bob"],
]);
const lookUps = { now: 0, most: 0 };

class Requests {
  @node parse(line: string): { user: string; verb: string; path: string } {
    const [user, verb, path] = line.split(" ");
    if (path === undefined) throw new Error("the line is incomplete");
    return { user, verb: verb === "GET" ? "reads" : "writes", path };
  }

  @node("parse.user") async person(user: string): Promise<string> {
    lookUps.most = Math.max(lookUps.most, ++lookUps.now);
    await sleep(2);
    lookUps.now--;
    return USERS.get(user) ?? "somebody";
  }

  @node("person", "parse") summary(person: string, request: { verb: string; path: string }): string {
    return `${person} ${request.verb} ${request.path}`;
  }
}

const lines = createInterface({ input: Readable.from([LOG]) });
const aside: string[] = [];
const stream = Dag.from(Requests).stream(lines, {
  input: "line",
  concurrency: 8,
  nodeConcurrency: { person: 2 },
  onItemError: "deadLetter",
  deadLetter: ({ index, input }) => aside.push(`line ${index + 1}, "${input}"`),
});
for await (const { index, run } of stream) console.log(`${index + 1} ${run.get("summary")}`);
console.log(`set aside: ${aside.join("; ")}`);
console.log(`at most ${lookUps.most} look-ups at once`);
