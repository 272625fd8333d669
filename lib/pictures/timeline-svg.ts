import type { NodeStatus } from "../index.js";
import { NOTE_SIZE } from "./boxes.js";
import { rowsOf, type Entry } from "./legend.js";
import type { Content } from "./page.js";
import { px } from "./shapes.js";
import { cut, durationText, widthOf, xmlText } from "./text.js";
import { timeAxis, type TimeAxis } from "./time-axis.js";
import type { Bar, Gap, Timeline, TimelineRow } from "./timeline.js";

const NAMES = 176;
const WIDTH = 720;
const RIGHT = 84;
const ROW = 24;
const BAR = 14;
const HEADING = 30;
const AXIS = 24;
const BETWEEN = 10;
/** A short attempt is still seen. */
const MIN_BAR = 2.5;
const PADDING = 14;

/** Draws a timeline: a row for each node of each worker. */
export function drawTimeline({ lanes, end }: Timeline): Content {
  const rows = lanes.flatMap((lane) => lane.rows);
  const axis = timeAxis(
    rows.flatMap(({ bars }) => bars),
    end,
    WIDTH,
  );
  const frames: string[] = [];
  const texts: string[] = [];
  let y = AXIS;
  for (const { worker, rows: own } of lanes) {
    const height = HEADING + own.length * ROW + 6;
    const width = NAMES + WIDTH + RIGHT;
    frames.push(`<rect class="frame" x="0" y="${y}" width="${width}" height="${height}" rx="9"/>`);
    texts.push(
      `<text class="heading" x="${PADDING}" y="${y + 20}">${xmlText(cut(worker, 12, width - 2 * PADDING))}</text>`,
    );
    own.forEach((row, i) => texts.push(rowOf(row, y + HEADING + i * ROW, axis)));
    y += height + BETWEEN;
  }
  const height = Math.max(AXIS, y - BETWEEN);
  return {
    width: NAMES + WIDTH + RIGHT,
    height,
    svg: [...frames, marksOf(axis, height), ...texts].join("\n"),
    legend: (room) => rowsOf(entriesOf(rows), room),
  };
}

/** Marks of the time, and breaks with the time that they stand for. */
function marksOf({ stretches, step, at }: TimeAxis, height: number): string {
  let free = -Infinity;
  // A text that would touch the one before is left out.
  const textAt = (x: number, text: string) => {
    const half = widthOf(text, NOTE_SIZE) / 2 + 3;
    if (text === "" || x - half < free) return "";
    free = x + half;
    return `<text class="label" x="${px(x)}" y="12">${text}</text>`;
  };
  const marks = stretches.flatMap(({ start, end, left, right, isBreak }, i) => {
    if (isBreak) {
      const middle = NAMES + (left + right) / 2;
      const zigzag = `<path class="break" d="M${px(middle - 4)} ${AXIS}l8 6l-8 6l8 6l-8 6V${px(height)}"/>`;
      return `${zigzag}${textAt(middle, durationText(end - start))}`;
    }
    const count = Math.floor((end - start) / step + 1e-9);
    return Array.from({ length: count + 1 }, (_, k) => {
      const x = NAMES + at(start + k * step);
      const text = i === 0 ? durationText(k * step) : k === 0 ? "" : `+${durationText(k * step)}`;
      return `<path class="mark" d="M${px(x)} ${AXIS - 6}V${px(height)}"/>${textAt(x, text)}`;
    });
  });
  return `<g>${marks.join("")}</g>`;
}

function rowOf({ name, bars, gaps }: TimelineRow, top: number, { at }: TimeAxis): string {
  const middle = top + ROW / 2;
  const x = (time: number) => NAMES + at(time);
  const label = `<text class="name small" x="${PADDING}" y="${px(middle + 4)}">${xmlText(cut(name, 12, NAMES - 2 * PADDING))}</text>`;
  const lines = gaps.map((gap) => {
    const line = `<path class="${gap.kind}" d="M${px(x(gap.start))} ${px(middle)}H${px(x(gap.end))}"/>`;
    return `<g><title>${xmlText(gapText(name, gap))}</title>${line}</g>`;
  });
  const drawn = bars.map((bar) => {
    const [left, right] = [x(bar.start), x(bar.end)];
    const size = `width="${px(Math.max(MIN_BAR, right - left))}" height="${BAR}" rx="${right - left > 8 ? 3 : 1}"`;
    const rect = `<rect class="bar" x="${px(left)}" y="${px(middle - BAR / 2)}" ${size}/>`;
    return `<g class="${bar.status}"><title>${xmlText(barText(name, bar))}</title>${rect}</g>`;
  });
  const total = bars.reduce((sum, { start, end }) => sum + end - start, 0);
  const ends = [...bars, ...gaps].map((part) => x(part.end));
  const end = Math.max(...ends, x(bars[bars.length - 1].start) + MIN_BAR);
  const note = [durationText(total), ...(bars.length > 1 ? [`${bars.length}×`] : [])].join(" · ");
  const said = `<text class="note" x="${px(end + 6)}" y="${px(middle + 4)}">${note}</text>`;
  return `<g><title>${xmlText(name)}</title>${label}</g>${lines.join("")}${drawn.join("")}${said}`;
}

function barText(name: string, { status, start, end, note }: Bar): string {
  const time = `${durationText(end - start)}, from ${durationText(start)}`;
  return [name, `${status} · ${time}`, ...(note === undefined ? [] : [note])].join("\n");
}

const GAPS: Readonly<Record<Gap["kind"], string>> = { wait: "ready, and waits", retry: "retry", pause: "at rest" };

function gapText(name: string, { kind, start, end }: Gap): string {
  return `${name}\n${GAPS[kind]} · ${durationText(end - start)}`;
}

function entriesOf(rows: readonly TimelineRow[]): Entry[] {
  const statuses = new Set<NodeStatus>(rows.flatMap(({ bars }) => bars.map(({ status }) => status)));
  const kinds = new Set(rows.flatMap(({ gaps }) => gaps.map(({ kind }) => kind)));
  const bars = Array.from(statuses, (status): Entry => ({
    words: status,
    width: 18,
    draw: (x, y) =>
      `<g class="${status}"><rect class="bar" x="${px(x)}" y="${px(y - 6)}" width="18" height="12" rx="3"/></g>`,
  }));
  const lines = Array.from(kinds, (kind): Entry => ({
    words: GAPS[kind],
    width: 26,
    draw: (x, y) => `<path class="${kind}" d="M${px(x)} ${px(y)}h26"/>`,
  }));
  return [...bars, ...lines];
}
