import { appendFileSync, closeSync, openSync } from "node:fs";
import { checkNonEmptyString } from "../base/check.js";
import type { Observer } from "../index.js";
import { eventJson } from "./event-json.js";

/**
 * An observer that appends events to a file as JSON, one a line. An event is in the file when the next node starts, also
 * if the process is killed then.
 * @param path - of the file, which is created if it does not exist
 * @throws {TypeError} | {RangeError} unless the path is a text. A file that can't be written is a process warning
 */
export function ndjson(path: string): Observer {
  checkNonEmptyString("path", path);
  const runs = new Set<string>();
  let file: number | undefined;
  return (event) => {
    const isOuter = event.parent === undefined;
    if (isOuter && event.type === "run.started") runs.add(event.runId);
    file ??= openSync(path, "a");
    appendFileSync(file, `${eventJson(event)}\n`);
    if (!isOuter || event.type !== "run.finished") return;
    runs.delete(event.runId);
    if (runs.size > 0) return;
    closeSync(file);
    file = undefined;
  };
}
