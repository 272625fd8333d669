/**
 * Maps: a node that runs once for each item of a list, a Map, a record or a stream.
 *
 * Prints the results, the items that failed, and the sum of a stream that no list could hold:
 *
 *     thumbs   → a.jpg@64, b.jpg@64
 *     skipped  → thumb[2]: broken.jpg is broken
 *     sizes    → small: 64 x 48, large: 640 x 480
 *     albums   → summer (2), winter (1)
 *     album[1] → 1 photo
 *     sent     → mail to ann, letter to bob
 *     sum      → 4999950000
 */
import { cases, Dag, map, node, route, subworkflow, type Entry, type Item } from "dagwright";

class Album {
  @node count(album: { photos: string[] }) {
    return album.photos.length;
  }
  @node title(album: { name: string }, count: number) {
    return `${album.name} (${count})`;
  }
}

class Photos {
  @node files() {
    return ["a.jpg", "b.jpg", "broken.jpg"];
  }
  @map("files", { concurrency: 8, retry: { retries: 1, delay: 1 }, onItemError: "skip" })
  async thumb(file: Item<string>) {
    if (file.startsWith("broken")) throw new Error(`${file} is broken`);
    return `${file}@64`;
  }
  @node widths() {
    return { small: 64, large: 640 };
  }
  @map("widths") size(width: Entry<number>) {
    return `${width} x ${(width * 3) / 4}`;
  }
  @node albums() {
    return [
      { name: "summer", photos: ["a", "b"] },
      { name: "winter", photos: ["c"] },
    ];
  }
  @map("albums") album = subworkflow(Album);
  @node addresses() {
    return [route("email", "ann"), route("post", "bob")];
  }
  @map("addresses") sent = cases({
    email: (to: Item<string>) => `mail to ${to}`,
    post: (to: Item<string>) => `letter to ${to}`,
  });
}

const run = await Dag.from(Photos).run({ mode: "async", concurrency: 4 });
console.log(`thumbs   → ${run.get("thumb").join(", ")}`);
const [error] = run.nodes.get("thumb")?.errors ?? [];
console.log(`skipped  → ${error.item}: ${(error.cause as Error).message}`);
const sizes = Object.entries<string>(run.get("size"));
console.log(`sizes    → ${sizes.map(([name, size]) => `${name}: ${size}`).join(", ")}`);
const albums: string[] = run.get("album");
console.log(`albums   → ${albums.join(", ")}`);
console.log(`album[1] → ${run.get("album[1].count")} photo`);
console.log(`sent     → ${run.get("sent").join(", ")}`);

const dag = new Dag("stream");
const numbers = dag.node("numbers", () =>
  (async function* () {
    for (let n = 0; n < 100_000; n++) yield n;
  })(),
);
const reduce = { initial: 0, fn: (sum: number, n: number) => sum + n };
const sum = dag.map("sum", { needs: [numbers], reduce }, async (n) => n);
console.log(`sum      → ${(await dag.run({ mode: "async" })).get(sum)}`);
