/** Reads the table of tools in docs/install.md. */

export const KINDS = ["standard", "legacy"] as const;
export type Kind = (typeof KINDS)[number];

export interface Claims {
  /** The configuration line for each kind of decorators: empty for none, undefined if they do not work. */
  readonly lines: Readonly<Record<Kind, string | undefined>>;
  /** The packages to install for nodes to run on threads; undefined if they run inline. */
  readonly threads: readonly string[] | undefined;
}

/** The claims of the table, by tool. */
export function readTable(page: string): Map<string, Claims> {
  const [, table = ""] = /^\| tool \|.*\n\|[-|]+\n((?:\|.*\n)+)/mu.exec(page) ?? [];
  const rows = table.trimEnd().split("\n");
  return new Map(
    rows.map((row) => {
      const [tool, standard, legacy, threads] = row
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim());
      return [tool, { lines: { standard: lineIn(standard), legacy: lineIn(legacy) }, threads: threadsIn(threads) }];
    }),
  );
}

function lineIn(cell: string): string | undefined {
  if (isNo(cell)) return undefined;
  return /`(.*?)`/u.exec(cell)?.[1] ?? "";
}

function threadsIn(cell: string): string[] | undefined {
  if (isNo(cell)) return undefined;
  return Array.from(cell.matchAll(/`(.*?)`/gu), ([, name]) => name);
}

const isNo = (cell: string) => /^no\b/u.test(cell);
