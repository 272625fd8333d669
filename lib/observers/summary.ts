import type { Board, BoardNode } from "./board.js";
import { signOf } from "./board-lines.js";
import type { Line, Look, Signs } from "./style.js";
import { brief, count, durationText } from "./text.js";

const MOST_FAILURES = 5;
const MOST_NODES = 12;
const SLOWEST = 3;

/** What became of a run: its end, its failures, its critical path, the slowest nodes, retries and cache hits. Pure. */
export function summaryLines(board: Board, signs: Signs): Line[] {
  const { startedAt, finishedAt = startedAt, status, failures } = board;
  const duration = durationText(Math.max(0, finishedAt - startedAt));
  const [sign, look] = endOf(board, signs);
  return [
    [
      [`${sign} ${brief(board.workflow, 80)}`, look],
      [` ${status ?? "running"}`, look],
      [` in ${duration}`],
      [` (${countsOf(board)})`, "dim"],
    ],
    ...failures.slice(0, MOST_FAILURES).map((node): Line => failureLine(node, signs)),
    ...(failures.length > MOST_FAILURES ? [fact("", `${failures.length - MOST_FAILURES} more failed`)] : []),
    ...pathLine(board, signs),
    ...slowestLine(board),
    ...(board.retries > 0 ? [fact("retries", retriesText(board))] : []),
    ...(board.cacheHits > 0 ? [fact("cache hits", board.cacheHits.toLocaleString("en"))] : []),
  ];
}

function endOf({ status }: Board, signs: Signs): readonly [sign: string, look: Look] {
  switch (status) {
    case "completed":
      return [signs.done, "green"];
    case "failed":
      return [signs.failed, "red"];
    default:
      return [signs.waiting, "yellow"];
  }
}

function countsOf({ settled, active }: Board): string {
  const resting = Array.from(active).filter(({ depth }) => depth === 0).length;
  const counts = [
    `${count(settled.completed, "node")} completed`,
    settled.failed > 0 ? `${settled.failed} failed` : "",
    settled.skipped > 0 ? `${settled.skipped} skipped` : "",
    settled.cancelled > 0 ? `${settled.cancelled} cancelled` : "",
    resting > 0 ? `${resting} unfinished` : "",
  ];
  return counts.filter((text) => text !== "").join(", ");
}

function failureLine(node: BoardNode, signs: Signs): Line {
  const sign = signOf("failed", { signs, now: 0 });
  return [[`  ${sign} ${brief(node.name, 80)}`, "red"], [`  ${brief(node.message ?? "")}`]];
}

function pathLine({ criticalPath }: Board, signs: Signs): Line[] {
  if (criticalPath.length < 2) return [];
  const names = criticalPath.map(({ name }) => brief(name, 80));
  const half = MOST_NODES / 2;
  const shown =
    names.length > MOST_NODES
      ? [...names.slice(0, half), `… ${names.length - MOST_NODES} more …`, ...names.slice(-half)]
      : names;
  const total = criticalPath.reduce((sum, { duration }) => sum + duration, 0);
  return [fact("critical path", `${shown.join(` ${signs.arrow} `)} (${durationText(total)})`)];
}

function slowestLine({ nodes }: Board): Line[] {
  const slowest: BoardNode[] = [];
  for (const node of nodes.values()) {
    if (node.startedAt === undefined || node.duration <= (slowest[SLOWEST - 1]?.duration ?? 0)) continue;
    slowest.push(node);
    slowest.sort((a, b) => b.duration - a.duration).splice(SLOWEST);
  }
  if (nodes.size < 2 || slowest.length === 0) return [];
  return [
    fact("slowest", slowest.map(({ name, duration }) => `${brief(name, 80)} ${durationText(duration)}`).join(", ")),
  ];
}

function retriesText({ retries, nodes }: Board): string {
  const retried = Array.from(nodes.values()).filter((node) => node.retries > 0);
  const names = retried.slice(0, SLOWEST).map(({ name }) => brief(name, 80));
  const more = retried.length > SLOWEST ? ` and ${retried.length - SLOWEST} more` : "";
  return names.length === 0 ? String(retries) : `${retries} (${names.join(", ")}${more})`;
}

function fact(label: string, text: string): Line {
  return [[`  ${label.padEnd(13)}  `, "dim"], [text]];
}
