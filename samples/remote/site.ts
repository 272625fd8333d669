import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress } from "node:zlib";
import { type Item, map, node, workflow } from "dagwright";

interface Page {
  readonly name: string;
  readonly text: string;
}

interface Compressed {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Which process has compressed it. */
  readonly by: string;
}

const compress = promisify(brotliCompress);

/** Compresses the pages of a site once, so that its server need not do so for each request. */
@workflow({ name: "site" })
export class Site {
  @node async pages(source: string): Promise<Page[]> {
    const files = (await readdir(source)).filter((name) => name.endsWith(".md")).sort();
    return Promise.all(files.map(async (name) => ({ name, text: await readFile(join(source, name), "utf8") })));
  }
  // This takes the time, so workers do it. They get the text and give bytes, and need no disk in common.
  @map("pages", { backend: "workers", retry: 2, timeout: 60_000 })
  async compressed({ name, text }: Item<Page>): Promise<Compressed> {
    return { name, bytes: new Uint8Array(await compress(text)), by: `${hostname()}:${process.pid}` };
  }
  @node("compressed") async saved(files: Compressed[], target: string): Promise<string> {
    await mkdir(target, { recursive: true });
    await Promise.all(files.map(({ name, bytes }) => writeFile(join(target, `${name}.br`), bytes)));
    const workers = new Set(files.map(({ by }) => by));
    return `${files.length} pages, compressed by ${workers.size} workers`;
  }
}
