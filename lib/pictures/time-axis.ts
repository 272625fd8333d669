/** A period, in ms since the start of a run. */
export interface Period {
  readonly start: number;
  readonly end: number;
}

/** A period that is drawn to scale, or one in which nothing happened for long, which is drawn as a break. */
export interface Stretch extends Period {
  readonly isBreak: boolean;
  /** Where it begins and ends, in pixels. */
  readonly left: number;
  readonly right: number;
}

export interface TimeAxis {
  readonly stretches: readonly Stretch[];
  /** Between two marks, in ms. */
  readonly step: number;
  /** The place of a time, in pixels. */
  readonly at: (time: number) => number;
}

const BREAK_WIDTH = 64;
/** The least space between marks, in pixels. */
const MARK_SPACE = 80;

/** How many times as long as everything that happened nothing must have happened for a break. */
const LONG = 8;

/**
 * An axis on which all periods are drawn to the same scale, in a width. What lies between two of them, and is much
 * longer than all of them together, is a break. Cost: O(n log n).
 */
export function timeAxis(periods: readonly Period[], end: number, width: number): TimeAxis {
  const busy = merged([{ start: 0, end: 0 }, ...periods, { start: end, end }]);
  const total = busy.reduce((sum, period) => sum + period.end - period.start, 0);
  const parts: { start: number; end: number; isBreak: boolean }[] = [];
  for (const period of busy) {
    const last = parts.at(-1);
    if (last !== undefined && period.start - last.end > LONG * Math.max(total, 1)) {
      parts.push({ start: last.end, end: period.start, isBreak: true }, { ...period, isBreak: false });
    } else if (last === undefined) parts.push({ ...period, isBreak: false });
    else last.end = period.end;
  }
  const breaks = parts.filter(({ isBreak }) => isBreak).length;
  const time = parts.reduce((sum, part) => sum + (part.isBreak ? 0 : part.end - part.start), 0) || 1;
  const scale = (width - breaks * BREAK_WIDTH) / time;
  let left = 0;
  const stretches = parts.map((part): Stretch => {
    const right = left + (part.isBreak ? BREAK_WIDTH : (part.end - part.start) * scale);
    const stretch = { ...part, left, right };
    left = right;
    return stretch;
  });
  const at = (moment: number) => {
    const stretch = stretches.find((each) => moment <= each.end) ?? stretches[stretches.length - 1];
    const share = (moment - stretch.start) / (stretch.end - stretch.start || 1);
    return stretch.left + Math.min(1, Math.max(0, share)) * (stretch.right - stretch.left);
  };
  return { stretches, step: niceStep(MARK_SPACE / scale), at };
}

/** Periods that overlap as one, in order. */
function merged(periods: readonly Period[]): Period[] {
  const result: { start: number; end: number }[] = [];
  for (const { start, end } of [...periods].sort((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else result.push({ start, end });
  }
  return result;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND]
  .concat([MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE])
  .concat([HOUR, 2 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY]);

/** The shortest usual step that is not shorter than this, in ms. */
function niceStep(least: number): number {
  if (least > 7 * DAY) return Math.ceil(least / (7 * DAY)) * 7 * DAY;
  const known = STEPS.find((step) => step >= least);
  if (known !== undefined && least > SECOND / 2) return known;
  const power = 10 ** Math.floor(Math.log10(least));
  return ([1, 2, 5].find((factor) => factor * power >= least) ?? 10) * power;
}
