/** How many names are listed. */
const MAX_NAMES = 10;

/** A workflow in one line: `Dag "etl" { load, parse, … 12 more }`. */
export function outlineOf(kind: string, name: string, members: Iterable<string>): string {
  const names = Array.from(members);
  const listed = names.slice(0, MAX_NAMES);
  if (names.length > MAX_NAMES) listed.push(`… ${names.length - MAX_NAMES} more`);
  return `${kind} ${JSON.stringify(name)} { ${listed.join(", ")}${listed.length > 0 ? " " : ""}}`;
}
