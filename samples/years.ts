/**
 * A map on worker threads: the weather of Seattle, a report for each year, and one that fails without harm to the others.
 *
 * Prints:
 *
 *     2012: 1226 mm, longest dry spell 48 days, until 2012-09-08
 *     2013: 828 mm, longest dry spell 35 days, until 2013-08-01
 *     2014: 1233 mm, longest dry spell 23 days, until 2014-07-21
 *     2015: 1139 mm, longest dry spell 25 days, until 2015-07-23
 *     4 of 5 reports on worker threads; report[1999] failed: no days
 */
import { readFile } from "node:fs/promises";
import { isMainThread } from "node:worker_threads";
import { Dag, map, node, type Entry } from "dagwright";

interface Day {
  readonly date: string;
  readonly rain: number;
}

interface Report {
  readonly text: string;
  readonly isOnThread: boolean;
}

class Years {
  @node async days(): Promise<Map<string, Day[]>> {
    const years = new Map<string, Day[]>([["1999", []]]);
    const lines = (await readFile("samples/data/seattle-weather.csv", "utf8")).trim().split("\n").slice(1);
    for (const [date, rain] of lines.map((line) => line.split(","))) {
      const year = date.slice(0, 4);
      if (!years.has(year)) years.set(year, []);
      years.get(year)!.push({ date, rain: Number(rain) });
    }
    return years;
  }
  @map("days", { onItemError: "skip" }) report(days: Entry<Day[]>): Report {
    if (days.length === 0) throw new Error("no days");
    let [dry, longest, until] = [0, 0, ""];
    for (const { date, rain } of days) {
      dry = rain === 0 ? dry + 1 : 0;
      if (dry > longest) [longest, until] = [dry, date];
    }
    const rain = Math.round(days.reduce((sum, day) => sum + day.rain, 0));
    return { text: `${rain} mm, longest dry spell ${longest} days, until ${until}`, isOnThread: !isMainThread };
  }
}

const run = await Dag.from(Years).run({ mode: "parallel" });
const reports: Map<string, Report> = run.get("report");
for (const [year, { text }] of reports) console.log(`${year}: ${text}`);
const { items, errors = [] } = run.nodes.get("report")!;
const onThreads = Array.from(reports.values()).filter(({ isOnThread }) => isOnThread).length;
const [{ item, cause }] = errors;
console.log(`${onThreads} of ${items!.total} reports on worker threads; ${item} failed: ${(cause as Error).message}`);
