/**
 * Seattle's weather, 2012 to 2015: reads daily records, summarises them in five ways at once, some of them on worker
 * threads, decides whether the city deserves its reputation for rain, and writes a report and a chart.
 *
 * `npm start` runs it (`samples/start.ts`); so does `npx dagwright run samples/weather.ts`.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { any, condition, node, workflow, type Context } from "dagwright";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

interface Day {
  readonly date: Date;
  readonly rain: number;
  readonly high: number;
  readonly low: number;
  readonly weather: string;
}

interface Month {
  readonly name: string;
  readonly rain: number;
  readonly high: number;
  readonly low: number;
}

@workflow({ name: "weather", description: "A report on Seattle's weather" })
export class Weather {
  constructor(
    private readonly source = join(HERE, "data/seattle-weather.csv"),
    private readonly folder = join(HERE, "output"),
  ) {}

  @node load(): Promise<string> {
    return readFile(this.source, "utf8");
  }

  @node("load") clean(csv: string, ctx: Context): Day[] {
    const [header, ...lines] = csv.trim().split("\n");
    const columns = header.split(",");
    const days = lines.map((line): Day => {
      const fields = line.split(",");
      const field = (name: string) => fields[columns.indexOf(name)];
      return {
        date: new Date(field("date")),
        rain: Number(field("precipitation")),
        high: Number(field("temp_max")),
        low: Number(field("temp_min")),
        weather: field("weather"),
      };
    });
    ctx.metrics["days"] = days.length;
    return days.filter(({ date, rain }) => !Number.isNaN(date.getTime()) && rain >= 0);
  }

  @node("clean", { backend: "thread" }) months(days: Day[]): Month[] {
    return MONTHS.map((name, month) => {
      const own = days.filter(({ date }) => date.getUTCMonth() === month);
      const mean = (value: (day: Day) => number) => own.reduce((sum, day) => sum + value(day), 0) / own.length;
      const years = new Set(own.map(({ date }) => date.getUTCFullYear())).size;
      const rain = own.reduce((sum, day) => sum + day.rain, 0) / years;
      return { name, rain, high: mean((day) => day.high), low: mean((day) => day.low) };
    });
  }

  @node("clean") rainfall(days: Day[]): { wetShare: number; daily: number } {
    const wet = days.filter(({ rain }) => rain > 0).length;
    return { wetShare: wet / days.length, daily: days.reduce((sum, { rain }) => sum + rain, 0) / days.length };
  }

  /** The share of wet days, with 95% confidence: of many years that are drawn from these days. */
  @node("clean", { backend: "thread" }) confidence(days: Day[], ctx: Context): [low: number, high: number] {
    const draws = 1000;
    const random = seededRandom(1);
    const shares = Array.from({ length: draws }, (_, draw) => {
      if (draw % 100 === 0) ctx.progress(draw / draws, `${draw} of ${draws} draws`);
      let wet = 0;
      for (let i = 0; i < days.length; i++) if (days[Math.floor(random() * days.length)].rain > 0) wet++;
      return wet / days.length;
    }).sort((a, b) => a - b);
    return [shares[Math.floor(draws * 0.025)], shares[Math.floor(draws * 0.975)]];
  }

  @node("clean") kinds(days: Day[]): [kind: string, days: number][] {
    const counts = new Map<string, number>();
    for (const { weather } of days) counts.set(weather, (counts.get(weather) ?? 0) + 1);
    return [...counts].sort(([, a], [, b]) => b - a);
  }

  @node("clean") extremes(days: Day[]): { hottest: Day; coldest: Day } {
    const by = (value: (day: Day) => number) => days.reduce((best, day) => (value(day) > value(best) ? day : best));
    return { hottest: by((day) => day.high), coldest: by((day) => -day.low) };
  }

  @condition("rainfall") isRainy({ wetShare }: { wetShare: number; daily: number }): boolean {
    return wetShare > 1 / 3;
  }

  @node("isRainy.true") rainy(): string {
    return "A rainy place.";
  }

  @node("isRainy.false") dry(): string {
    return "Drier than its reputation.";
  }

  @any("rainy", "dry") verdict(words: string): string {
    return words;
  }

  @node("clean", "rainfall", "verdict") summary(
    days: Day[],
    rainfall: { wetShare: number; daily: number },
    verdict: string,
  ): string {
    const [first, last] = [days[0], days[days.length - 1]].map(({ date }) => date.getUTCFullYear());
    const share = Math.round(rainfall.wetShare * 100);
    return `Seattle ${first}–${last}: ${days.length} days, rain on ${share}% of them, ${rainfall.daily.toFixed(1)} mm a day. ${verdict}`;
  }

  /** With `crashes`, the process dies in its first attempt. */
  @node("summary", "months", "kinds", "extremes", "confidence") async report(
    summary: string,
    months: Month[],
    kinds: [kind: string, days: number][],
    { hottest, coldest }: { hottest: Day; coldest: Day },
    [low, high]: [low: number, high: number],
    ctx: Context,
    crashes = false,
  ): Promise<string> {
    if (crashes && ctx.attempt === 1) process.kill(process.pid, "SIGKILL");
    const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
    const text = [
      "# Weather report",
      summary,
      "![Rain and temperature by month](weather.svg)",
      ["| month | rain, mm | high, °C | low, °C |", "|---|--:|--:|--:|"]
        .concat(months.map((m) => `| ${m.name} | ${m.rain.toFixed(0)} | ${m.high.toFixed(1)} | ${m.low.toFixed(1)} |`))
        .join("\n"),
      `Days by kind: ${kinds.map(([kind, days]) => `${kind} ${days}`).join(", ")}.`,
      `Wet days, with 95% confidence: ${percent(low)} to ${percent(high)}.`,
      `Hottest: ${hottest.high} °C on ${isoDate(hottest.date)}; coldest: ${coldest.low} °C on ${isoDate(coldest.date)}.`,
    ].join("\n\n");
    return this.write("weather.md", `${text}\n`);
  }

  @node("months") chart(months: Month[]): Promise<string> {
    return this.write("weather.svg", drawChart(months));
  }

  private async write(name: string, text: string): Promise<string> {
    await mkdir(this.folder, { recursive: true });
    await writeFile(join(this.folder, name), text);
    return name;
  }
}

/** Random numbers from 0 to 1 that are the same for each run (mulberry32). */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const isoDate = (date: Date) => date.toISOString().slice(0, 10);

/** Bars for rain (left axis, mm) and a band from low to high temperatures (right axis, °C). */
function drawChart(months: readonly Month[]): string {
  const [width, height, left, top, right, bottom] = [720, 360, 50, 40, 50, 40];
  const step = (width - left - right) / months.length;
  const x = (month: number) => left + step * (month + 0.5);
  const scale = (max: number) => (value: number) => top + (height - top - bottom) * (1 - value / max);
  const [mm, celsius] = [scale(200), scale(40)];
  const base = mm(0);
  const text = (px: number, py: number, label: string, extra = "") =>
    `<text x="${px}" y="${py}" ${extra}>${label}</text>`;
  const bars = months.map(({ rain }, i) => {
    const y = mm(rain);
    return `<rect x="${(x(i) - step * 0.3).toFixed(1)}" y="${y.toFixed(1)}" width="${(step * 0.6).toFixed(1)}" height="${(base - y).toFixed(1)}" fill="#7fb2d9"/>`;
  });
  const line = (value: (month: Month) => number) =>
    months.map((m, i) => `${x(i).toFixed(1)},${celsius(value(m)).toFixed(1)}`);
  const [highs, lows] = [line((m) => m.high), line((m) => m.low)];
  const ticks = [0, 50, 100, 150, 200].flatMap((tick) => [
    `<line x1="${left}" x2="${width - right}" y1="${mm(tick)}" y2="${mm(tick)}" stroke="#ddd"/>`,
    text(left - 6, mm(tick) + 4, String(tick), 'text-anchor="end"'),
    text(width - right + 6, mm(tick) + 4, `${tick / 5}°`),
  ]);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="white"/>`,
    text(
      width / 2,
      20,
      "Seattle: monthly rain (bars, mm), mean low to mean high (band, °C)",
      'text-anchor="middle" font-size="14"',
    ),
    ...ticks,
    ...bars,
    `<polygon points="${[...highs, ...lows.reverse()].join(" ")}" fill="#e4572e" fill-opacity="0.35" stroke="#e4572e"/>`,
    ...months.map(({ name }, i) => text(x(i), height - 16, name, 'text-anchor="middle"')),
    "</svg>\n",
  ].join("\n");
}
