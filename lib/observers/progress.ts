import type { DryRun, Observer, RunEvent } from "../index.js";
import { checkOptions, label, show, type Rules } from "../base/check.js";
import { Board } from "./board.js";
import { boardLines } from "./board-lines.js";
import { EventLines } from "./event-lines.js";
import { Screen, type TerminalStream } from "./screen.js";
import { styleOf, type Style } from "./style.js";
import { summaryLines } from "./summary.js";

/** The options of `progress`. */
export interface ProgressOptions {
  /**
   * What the run is going to do, as `dag.dryRun(options)` says: how much there is in all, which nodes run on threads,
   * and what waits for what, for the critical path. @defaultValue only what happens is shown
   */
  plan?: DryRun | undefined;
  /** Where to write. @defaultValue process.stdout */
  stream?: TerminalStream | undefined;
}

const RULES: Rules<ProgressOptions> = {
  plan: "object",
  stream: (option, stream) => {
    if (typeof (stream as Partial<TerminalStream> | null)?.write === "function") return;
    throw new TypeError(`${label(option)} must be a stream, such as process.stdout; received ${show(stream)}.`);
  },
};

/** How often the view is painted, in ms. */
const FRAME = 80;

/**
 * An observer that shows runs as they go on. In a terminal, a line a node: status, time, attempts, progress. What is
 * done is folded when it gets long, and what the process writes meanwhile appears above. Elsewhere, a line an event. In
 * the end a summary: critical path, slowest nodes, retries, cache hits. `NO_COLOR` and the width are respected.
 * @throws {TypeError} naming the option and the value received
 */
export function progress(options: ProgressOptions = {}): Observer {
  checkOptions(options, RULES, "progress");
  const { stream = process.stdout, plan } = options;
  const isLive = stream.isTTY === true && process.env["TERM"] !== "dumb";
  const view = isLive ? new LiveView(stream) : new PlainView(stream);
  const boards = new Map<string, Board>();
  return (event) => {
    if (event.type === "run.started" && event.parent === undefined) {
      boards.set(event.runId, new Board(event.runId, event.workflow, event.at, plan));
    }
    const board = boards.get(event.runId) ?? Array.from(boards.values()).find((each) => each.has(event));
    if (board === undefined) return;
    board.add(event);
    if (event.type === "run.finished" && event.runId === board.runId) boards.delete(board.runId);
    view.show(event, board);
  };
}

interface View {
  /** Shows an event, which the board has taken in. */
  show(event: RunEvent, board: Board): void;
}

class PlainView implements View {
  private readonly lines = new EventLines();
  private readonly style: Style;

  constructor(private readonly stream: TerminalStream) {
    this.style = styleOf(stream);
  }

  show(event: RunEvent, board: Board): void {
    const line = this.lines.of(event);
    if (event.type === "run.finished" && event.runId === board.runId) {
      this.stream.write(summaryText(board, this.style, Infinity));
    } else if (line !== undefined) this.stream.write(`${line}\n`);
  }
}

/** The boards of the runs in progress, one below the other. */
class LiveView implements View {
  private readonly boards = new Set<Board>();
  private readonly style: Style;
  private screen: Screen | undefined;
  private timer: NodeJS.Timeout | undefined;
  private paintedAt = 0;

  constructor(private readonly stream: TerminalStream) {
    this.style = styleOf(stream);
  }

  show(_: RunEvent, board: Board): void {
    if (board.finishedAt !== undefined) return this.end(board);
    this.boards.add(board);
    this.screen ??= new Screen(this.stream);
    this.timer ??= setInterval(() => this.paint(), FRAME).unref();
    // Functions that block the event loop hold up the timer.
    if (performance.now() - this.paintedAt >= FRAME) this.paint();
  }

  private end(board: Board): void {
    this.boards.delete(board);
    const { screen } = this;
    const text = summaryText(board, this.style, screen?.columns ?? Infinity);
    if (this.boards.size > 0) {
      this.paint();
      return screen?.print(text);
    }
    clearInterval(this.timer);
    screen?.close();
    this.stream.write(text);
    this.timer = this.screen = undefined;
  }

  private paint(): void {
    const { screen, boards, style } = this;
    if (screen === undefined) return;
    this.paintedAt = performance.now();
    const columns = screen.columns - 1;
    // One row stays free for the cursor.
    const free = screen.rows - 1;
    const shown = Array.from(boards).slice(0, free);
    const rows = Math.floor(free / shown.length);
    const space = { columns, rows, now: Date.now(), signs: style.signs };
    screen.paint(shown.flatMap((board) => boardLines(board, space).map((line) => style.render(line, columns))));
  }
}

function summaryText(board: Board, style: Style, columns: number): string {
  return summaryLines(board, style.signs)
    .map((line) => `${style.render(line, columns)}\n`)
    .join("");
}
