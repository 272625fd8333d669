/** A run as lines of a terminal. Pure. */
import type { Board, BoardNode, Phase } from "./board.js";
import type { Line, Look, Signs } from "./style.js";
import { brief, count, durationText, pad, widthOf } from "./text.js";

const BAR = 16;

/** Where lines are shown. */
export interface Space {
  readonly columns: number;
  /** How many lines there are at most; at least one. */
  readonly rows: number;
  /** In ms since 1970. */
  readonly now: number;
  readonly signs: Signs;
}

const LOOKS: Readonly<Record<Phase, Look | undefined>> = {
  running: "cyan",
  waiting: "yellow",
  paused: "yellow",
  completed: "green",
  failed: "red",
  skipped: "dim",
  cancelled: "dim",
};

/**
 * A line for the run, then one for each node: those that settled last, then those in progress. What there is no room for
 * is counted in the first line.
 */
export function boardLines(board: Board, space: Space): Line[] {
  const { rows } = space;
  const active = firstOf(board.active, rows - 1);
  const left = rows - 1 - active.length;
  const settled = left > 0 ? board.recent.slice(-left) : [];
  const shown = [...settled, ...active];
  const longest = Math.max(0, ...shown.map(({ name, depth }) => widthOf(brief(name, 80)) + 2 * depth));
  const nameWidth = Math.min(longest, Math.max(8, Math.floor(space.columns * 0.4)));
  return [header(board, active.length, space), ...shown.map((node) => nodeLine(node, nameWidth, space))];
}

function firstOf<T>(items: Iterable<T>, limit: number): T[] {
  const first: T[] = [];
  for (const item of items) {
    if (first.length >= limit) break;
    first.push(item);
  }
  return first;
}

function header(board: Board, shown: number, { columns, now, signs }: Space): Line {
  const { done, total, settled, retries, active } = board;
  const hidden = active.size - shown;
  const facts = [
    total === undefined ? `${count(done, "node")} done` : `${done.toLocaleString("en")}/${total.toLocaleString("en")}`,
    durationText(Math.max(0, (board.finishedAt ?? now) - board.startedAt)),
    hidden > 0 ? `${hidden.toLocaleString("en")} more in progress` : "",
    settled.failed > 0 ? `${settled.failed} failed` : "",
    settled.skipped > 0 ? `${settled.skipped} skipped` : "",
    retries > 0 ? `${retries} ${retries === 1 ? "retry" : "retries"}` : "",
  ];
  const text = facts.filter((fact) => fact !== "").join("  ");
  const bar: Line =
    total === undefined || columns < 60 ? [] : [["  "], ...barOf(total === 0 ? 1 : done / total, signs)];
  return [[brief(board.workflow, 80), "bold"], ...bar, [`  ${text}`, "dim"]];
}

function nodeLine(node: BoardNode, nameWidth: number, space: Space): Line {
  const { phase, depth } = node;
  const look = LOOKS[phase];
  const indent = "  ".repeat(depth);
  return [
    [`${indent}${signOf(phase, space)} `, look],
    [pad(brief(node.name, 200), Math.max(4, nameWidth - indent.length)), phase === "skipped" ? "dim" : undefined],
    ["  "],
    ...details(node, space),
  ];
}

/** The sign of a phase. Spinners turn with the time. */
export function signOf(phase: Phase, { signs, now }: Pick<Space, "signs" | "now">): string {
  switch (phase) {
    case "running":
      return signs.frames[Math.floor(now / 80) % signs.frames.length];
    case "completed":
      return signs.done;
    case "failed":
      return signs.failed;
    case "waiting":
    case "paused":
      return signs.waiting;
    default:
      return signs.skipped;
  }
}

function details(node: BoardNode, { now, signs }: Space): Line {
  const { phase, startedAt, items, fraction, attempts, cycles, backend } = node;
  const isRunning = phase === "running";
  const time = isRunning && startedAt !== undefined ? node.duration + Math.max(0, now - startedAt) : node.duration;
  const line: (readonly [string, Look?])[] = [[pad(timeText(node, time), 9), isRunning ? undefined : "dim"]];
  const add = (text: string, look?: Look) => line.push([` ${text}`, look]);
  if (isRunning && fraction !== undefined) {
    line.push([" "], ...barOf(fraction, signs), [` ${Math.floor(fraction * 100)}%`]);
  }
  if (items !== undefined) add(itemsText(items, isRunning));
  if (attempts > 1) add(`attempt ${attempts}`, "yellow");
  if (cycles > 1) add(`${cycles}×`, "dim");
  if (node.isCached) add("cached", "dim");
  if (node.waitingFor !== undefined && phase === "waiting") add(waitText(node.waitingFor, now), "yellow");
  if (isRunning && backend !== undefined && backend !== "inline") add(brief(backend), "dim");
  if (node.message !== undefined && (isRunning || phase === "failed")) {
    add(brief(node.message), phase === "failed" || attempts > 1 ? "red" : "dim");
  }
  return line;
}

function timeText({ phase, startedAt, isCached }: BoardNode, time: number): string {
  if (phase === "completed" && (startedAt === undefined || isCached)) return "";
  return phase === "running" || phase === "completed" || (phase === "failed" && startedAt !== undefined)
    ? durationText(time)
    : phase;
}

function itemsText({ started, done, failed }: NonNullable<BoardNode["items"]>, isRunning: boolean): string {
  const counted = isRunning
    ? `${done.toLocaleString("en")} of ${started.toLocaleString("en")} items`
    : count(done, "item");
  return failed > 0 ? `${counted}, ${failed} failed` : counted;
}

function waitText(waitingFor: NonNullable<BoardNode["waitingFor"]>, now: number): string {
  return "event" in waitingFor
    ? `for ${brief(waitingFor.event, 80)}`
    : `for ${durationText(Math.max(0, waitingFor.until - now))}`;
}

function barOf(fraction: number, { bar: [full, empty] }: Signs): Line {
  const filled = Math.round(Math.min(1, Math.max(0, fraction)) * BAR);
  return [
    [full.repeat(filled), "green"],
    [empty.repeat(BAR - filled), "dim"],
  ];
}
