import { describe, expect, it } from "vitest";
import { cases, Dag, map, node, route, subworkflow, type Context, type Entry, type Item } from "dagwright";

class Report {
  @node summary(region: string) {
    return region.toUpperCase();
  }
}

class Photos {
  readonly size = 2;
  @node list() {
    return ["a", "b"];
  }
  @map("list", { concurrency: 8 }) thumb(file: Item<string>, ctx: Context) {
    return `${file}${this.size}${ctx.item?.index}`;
  }
  @node sizes() {
    return { s: 1 };
  }
  @map("sizes", "list") scaled(size: Entry<number>, list: string[]) {
    return size + list.length;
  }
  @map("list") report = subworkflow(Report, { output: "summary" });
  @node routes() {
    return [route("up", 1), route("down", 2)];
  }
  up(value: number) {
    return value + this.size;
  }
  @map("routes") moved = cases({
    // eslint-disable-next-line @typescript-eslint/unbound-method -- cases are called with the instance as this
    up: Photos.prototype.up,
    default: (value: number) => -value,
  });
}

describe("Legacy @map", () => {
  it("maps with methods, workflows and cases", async () => {
    for (const options of [{}, { mode: "async", concurrency: 1 }] as const) {
      const run = await Dag.from(Photos).run(options);
      expect(run.get("thumb")).toEqual(["a20", "b21"]);
      expect(run.get("scaled")).toEqual({ s: 3 });
      expect(run.get("report")).toEqual(["A", "B"]);
      expect(run.get("moved")).toEqual([3, -2]);
    }
  });
});
