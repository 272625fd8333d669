/**
 * Partial runs: execute a part of a dag, with the results of an earlier run for the rest.
 *
 * Prints the nodes that each run executed:
 *
 *     run                       → download, parse, total, chart
 *     runFrom("total")          → total
 *     runUntil("parse")         → download, parse
 *     runBetween(parse, chart)  → parse, chart
 *     overrides: { parse }      → total, chart: total 60
 *     step by step              → download, parse, total, chart
 */
import { Dag, node, workflow, type RunResult } from "dagwright";

@workflow({ name: "numbers" })
class Numbers {
  @node async download(): Promise<string> {
    return "1,2,3";
  }
  @node("download") parse(text: string): number[] {
    return text.split(",").map(Number);
  }
  @node("parse") total(numbers: number[]): number {
    return numbers.reduce((sum, n) => sum + n, 0);
  }
  @node("parse") chart(numbers: number[]): string {
    return numbers.map((n) => "#".repeat(n)).join("\n");
  }
}

const dag = Dag.from(Numbers);
const show = (what: string, run: RunResult<any>, more = "") =>
  console.log(
    `${what.padEnd(25)} → ${run
      .timeline()
      .map((entry) => entry.node)
      .join(", ")}${more}`,
  );

const first = await dag.run();
show("run", first);
show('runFrom("total")', await dag.runFrom("total"));
show('runUntil("parse")', await dag.runUntil("parse"));
show("runBetween(parse, chart)", await dag.runBetween("parse", "chart", { from: first }));
const overridden = await dag.run({ overrides: { parse: [10, 20, 30] } });
show("overrides: { parse }", overridden, `: total ${overridden.get("total")}`);

const names: (string | undefined)[] = [];
let step = await dag.step();
names.push(step.node);
for (; !step.done; names.push(step.node)) step = await dag.step(step.state);
console.log(`${"step by step".padEnd(25)} → ${names.join(", ")}`);
