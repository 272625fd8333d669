/**
 * CPU-bound nodes on worker threads, with nothing but `mode: "parallel"`: how certain are the mean temperatures of
 * Seattle's seasons? Each mean is computed again from thousands of samples drawn with replacement (the bootstrap; Efron,
 * 1979), from the daily highs of 2012 to 2015.
 *
 * Prints, before two lines of times that depend on the machine:
 *
 *     winter:  8.73 °C, 95 % between  8.37 and  9.08
 *     spring: 15.57 °C, 95 % between 15.09 and 16.06
 *     summer: 24.86 °C, 95 % between 24.41 and 25.32
 *     autumn: 16.45 °C, 95 % between 15.88 and 17.03
 */
import { readFile } from "node:fs/promises";
import { Dag, node, workflow } from "dagwright";

type Seasons = Record<"winter" | "spring" | "summer" | "autumn", number[]>;

@workflow({ name: "bootstrap" })
class Bootstrap {
  constructor(private readonly samples: number) {}

  @node async load(): Promise<Seasons> {
    const csv = await readFile(new URL("data/seattle-weather.csv", import.meta.url), "utf8");
    const seasons: Seasons = { winter: [], spring: [], summer: [], autumn: [] };
    for (const [date, , high] of csv
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => line.split(","))) {
      const month = Number(date.slice(5, 7));
      const season = month % 12 < 3 ? "winter" : month < 6 ? "spring" : month < 9 ? "summer" : "autumn";
      seasons[season].push(Number(high));
    }
    return seasons;
  }
  @node("load.winter") winter(highs: number[]) {
    return interval(highs, this.samples);
  }
  @node("load.spring") spring(highs: number[]) {
    return interval(highs, this.samples);
  }
  @node("load.summer") summer(highs: number[]) {
    return interval(highs, this.samples);
  }
  @node("load.autumn") autumn(highs: number[]) {
    return interval(highs, this.samples);
  }
}

/** The mean, and the range that holds the means of 95 % of the samples. */
function interval(values: number[], samples: number): [number, number, number] {
  const mean = (draw: (i: number) => number) => values.reduce((sum, _, i) => sum + draw(i), 0) / values.length;
  let seed = 1;
  const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  const means = Float64Array.from({ length: samples }, () => mean(() => values[Math.floor(random() * values.length)]));
  means.sort();
  return [mean((i) => values[i]), means[Math.floor(samples * 0.025)], means[Math.floor(samples * 0.975)]];
}

const dag = Dag.from(new Bootstrap(10_000));
const parallel = await dag.run({ mode: "parallel" });
const warm = await dag.run({ mode: "parallel" });
const sequential = await dag.run();
for (const season of ["winter", "spring", "summer", "autumn"] as const) {
  const [mean, low, high] = parallel.get(season).map((value) => value.toFixed(2).padStart(5));
  console.log(`${season}: ${mean} °C, 95 % between ${low} and ${high}`);
}
const [slow, cold, fast] = [sequential, parallel, warm].map((run) => run.metrics.total);
console.log(
  `sequential ${slow.toFixed(0)} ms; parallel ${fast.toFixed(0)} ms, ${(slow / fast).toFixed(2)} times as fast`,
);
console.log(`(${cold.toFixed(0)} ms including the start of the threads)`);
