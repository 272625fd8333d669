import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Stands for a mail provider. It takes a key with each letter, and sends only the first of the same key: what a node needs
 * for its effects to happen once, since it runs again when its process dies before its completion is recorded.
 */
export class Outbox {
  constructor(private readonly folder: string) {
    mkdirSync(folder, { recursive: true });
  }

  send(key: string, text: string): void {
    const file = join(this.folder, `${encodeURIComponent(key)}.txt`);
    writeFileSync(`${file}.part`, text);
    renameSync(`${file}.part`, file);
  }

  /** All letters, in any order. */
  get letters(): string[] {
    const files = readdirSync(this.folder).filter((file) => file.endsWith(".txt"));
    return files.map((file) => readFileSync(join(this.folder, file), "utf8"));
  }
}
