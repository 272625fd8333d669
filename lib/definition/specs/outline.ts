/** How many names are listed. */
const MAX_NAMES = 10;

/** What has members, in one line: `Dag "etl" { load, parse, … 12 more }`. */
export function outlineOf(what: string, members: Iterable<string>): string {
  const names = Array.from(members);
  const listed = names.slice(0, MAX_NAMES);
  if (names.length > MAX_NAMES) listed.push(`… ${names.length - MAX_NAMES} more`);
  return `${what} { ${listed.join(", ")}${listed.length > 0 ? " " : ""}}`;
}
