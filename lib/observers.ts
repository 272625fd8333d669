/** `dagwright/observers`: observers of runs, for people and for logs. */
export { consoleLog } from "./observers/console-log.js";
export { ndjson } from "./observers/ndjson.js";
export { progress, type ProgressOptions } from "./observers/progress.js";
export type { TerminalStream } from "./observers/screen.js";
