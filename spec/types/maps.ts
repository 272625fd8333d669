/** Compile-time checks of maps: the types of items and results, and the needs of `@map`. */
import { cases, Dag, map, node, route, stream, subworkflow, type Context, type Entry, type Item } from "dagwright";

class Report {
  @node summary(region: string) {
    return region.length;
  }
}

class Photos {
  @node list(): string[] {
    return [];
  }
  @node sizes() {
    return new Map<string, number>();
  }
  @node("list") limit(list: string[]) {
    return list.length;
  }
  @map("list", { concurrency: 8, retry: 2 }) thumb(file: Item<string>, ctx: Context) {
    return { file, index: ctx.item?.index };
  }
  @map("list", "limit") cut(file: Item<string>, limit: number) {
    return file.slice(0, limit);
  }
  @map({ needs: ["sizes"] }) scaled(size: Entry<number>) {
    return size * 2;
  }
  @map("list") report = subworkflow(Report, { output: "summary" });
  @map("list") reports = subworkflow(Report, { output: "summary", each: "item" });
  @map("sizes") keyed = subworkflow(Report, { output: "summary", each: "entry" });
  @node("reports") sum(reports: number[]) {
    return reports.length;
  }
  // @ts-expect-error: it is a list.
  @node("reports") wrongSum(reports: string) {
    return reports;
  }
  @node("keyed") sizesOf(keyed: Map<string, number>) {
    return keyed.size;
  }
  // @ts-expect-error: what a workflow runs for is an item or an entry.
  @map("list") wrongEach = subworkflow(Report, { output: "summary", each: "items" });
  @map("report") doubled(count: Item<number>) {
    return count * 2;
  }
  @node("thumb") count(thumbs: { file: string }[]) {
    return thumbs.length;
  }
  @node routes() {
    return [route("a", 1)];
  }
  @map("routes") sent = cases({
    a: (value: Item<number>) => value,
    default: subworkflow(Report, { output: "summary" }),
  });

  @node("report") total(report: number[]) {
    return report.length;
  }
  @map("list") anything(file: any) {
    return file;
  }
  @map({ needs: ["sizes"], concurrency: 2 }) wider(size: Entry<number | string>) {
    return size;
  }
  @node async *rows(): AsyncGenerator<string> {
    yield "row";
  }
  @map("rows") row(row: Item<string>) {
    return row;
  }
  @map("thumb") again(thumb: Item<{ file: string }>) {
    return thumb.file;
  }
  @node record(): Promise<Record<string, number>> {
    return Promise.resolve({});
  }
  @map("record") valued(value: Entry<number>) {
    return value;
  }
  @node untyped(): any {}
  @map("untyped") guessed(value: Item<number>) {
    return value;
  }

  // @ts-expect-error the report is a number, or many of them
  @node("report") texts(report: string[]) {
    return report;
  }
  // @ts-expect-error the items are texts
  @map("list") number(file: Item<number>) {
    return file;
  }
  // @ts-expect-error the values are numbers
  @map({ needs: ["sizes"] }) text(size: Entry<string>) {
    return size;
  }
  // @ts-expect-error the items are texts
  @map(stream("rows")) numbers(row: Item<number>) {
    return row;
  }
  // @ts-expect-error a map of a map gives a list of its results
  @map("cut") nested(cut: Item<string[]>) {
    return cut;
  }
  // @ts-expect-error there is no such method
  @map("lits") wrong(file: Item<string>) {
    return file;
  }
  // @ts-expect-error a further need does not fit its parameter
  @map("list", "limit") misfit(file: Item<string>, limit: string) {
    return file + limit;
  }
  // @ts-expect-error there is no such option
  @map("list", { concurency: 1 }) misspelt(file: Item<string>) {
    return file;
  }
  // @ts-expect-error a field holds a workflow or cases
  @map("list") value = 1;
}

const run = await Dag.from(Photos).run();
const thumbs: { file: string; index: number | undefined }[] = run.get("thumb");
const cut: string[] = run.get("cut");
// @ts-expect-error a list of texts
const text: string = run.get("cut");

const sentItems: number[] = run.get("sent");
const reports: number[] = run.get("reports");
// @ts-expect-error: it is a list.
const oneReport: number = run.get("reports");

const dag = new Dag("maps");
const list = dag.node("list", () => ["a"]);
const keyed = dag.node("keyed", () => new Map([["a", 1]]));
const record = dag.node("record", () => ({ a: 1, b: 2 }));
const source = dag.node("stream", () =>
  (async function* () {
    yield 1;
  })(),
);
const lengths = dag.map("lengths", { needs: [list] }, (item) => item.length);
dag.node("n1", { needs: [lengths] }, (all) => all.at(0)?.toFixed());
const further = dag.map("further", { needs: [list, lengths] }, async (item, all) => [item, all.length] as const);
dag.node("n2", { needs: [further] }, (all) => all[0][0].trim());
const mapped = dag.map("mapped", { needs: [keyed] }, (value) => value.toFixed());
dag.node("n3", { needs: [mapped] }, (all) => all.get("a")?.trim());
const recorded = dag.map("recorded", { needs: [record] }, (value) => value > 1);
dag.node("n4", { needs: [recorded] }, ({ a, b }) => a && b);
const streamed = dag.map("streamed", { needs: [source] }, (value) => value + 1);
dag.node("n5", { needs: [streamed] }, (all) => all.at(0)?.toFixed());
const settled = dag.map("settled", { needs: [list], onItemError: "settle" }, (item) => item.length);
dag.node("n6", { needs: [settled] }, ([first]) =>
  first.status === "fulfilled" ? first.value.toFixed() : first.reason,
);
const flat = dag.map("flat", { needs: [list], flatten: true }, (item) => item.split(""));
dag.node("n7", { needs: [flat] }, ([first]) => first.trim());
const sum = dag.map(
  "sum",
  { needs: [list], reduce: { initial: 0, fn: (n: number, item: string) => n + item.length } },
  (item) => item,
);
dag.node("n8", { needs: [sum] }, (n) => n.toFixed());
const children = dag.map("children", { needs: [list] }, subworkflow(Report, { output: "summary" }));
dag.node("n9", { needs: [children] }, (all) => all.at(0)?.toFixed());
const routes = dag.node("routes", () => [route("x", 1)]);
const sent = dag.map("sent", { needs: [routes] }, { cases: { x: (value: number) => value.toFixed() } });
dag.node("n10", { needs: [sent] }, ([first]) => first.trim());

// @ts-expect-error items are texts
dag.map("e1", { needs: [list] }, (item: number) => item);
// @ts-expect-error the result is a list
dag.node("e2", { needs: [lengths] }, (all: number) => all);
// @ts-expect-error texts have no toFixed
dag.map("e3", { needs: [list] }, (item) => item.toFixed());

export { cut, oneReport, reports, sentItems, text, thumbs };
