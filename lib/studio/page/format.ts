import { durationText } from "../../pictures/text.js";

export { counted, durationText } from "../../pictures/text.js";

const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const time = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

/** The time of today, or the date with it. */
export function whenText(at: number): string {
  const date = new Date(at);
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday ? time.format(date) : `${day.format(date)}, ${time.format(date)}`;
}

export function fullWhenText(at: number): string {
  return full.format(new Date(at));
}

/** `3 min ago`, `in 2 h`. */
export function agoText(at: number, now = Date.now()): string {
  const ms = now - at;
  if (Math.abs(ms) < 1000) return "now";
  const text = durationText(Math.abs(ms)).split(" ").slice(0, 2).join(" ");
  return ms > 0 ? `${text} ago` : `in ${text}`;
}

/** How long a run took, or has taken. */
export function tookText(run: {
  readonly createdAt: number;
  readonly finishedAt?: number;
  readonly status: string;
}): string {
  if (run.finishedAt !== undefined) return durationText(Math.max(0, run.finishedAt - run.createdAt));
  return run.status === "running" ? `${durationText(Math.max(0, Date.now() - run.createdAt))} so far` : "";
}
