/** A time for people: local, to the second. */
export function timeText(time: number | undefined): string {
  if (time === undefined) return "";
  const date = new Date(time);
  const local = new Date(time - date.getTimezoneOffset() * 60_000).toISOString();
  return local.slice(0, 19).replace("T", " ");
}
