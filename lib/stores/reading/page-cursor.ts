import { Codec } from "../values/codec.js";
import type { RunRow } from "../database/schema.js";
import { isStorable } from "../values/storable-text.js";

/** Encodes the columns that runs are sorted by, even if they are corrupt. */
const CODEC = new Codec();

/** @param last - the last run of a page */
export function encodeCursor(last: Pick<RunRow, "created_at" | "id">): string {
  // Some SQLite packages read a blob as an ArrayBuffer, which they can't write.
  const position = [last.created_at, last.id].map((value: unknown) =>
    value instanceof ArrayBuffer ? Buffer.from(value) : value,
  );
  return Buffer.from(CODEC.encode(position)).toString("base64url");
}

/** @throws {TypeError} for a text that {@link encodeCursor} did not return */
export function decodeCursor(cursor: string): [createdAt: number, id: string] {
  try {
    const position = CODEC.decode(Buffer.from(cursor, "base64url").toString()) as [createdAt: number, id: string];
    if (Array.isArray(position) && position.length === 2 && position.every(isColumnValue)) return position;
  } catch {
    // Undecodable text is reported below.
  }
  throw new TypeError('"cursor" must be the cursor of a page of runs.');
}

function isColumnValue(value: unknown): boolean {
  return typeof value === "number" || (typeof value === "string" ? isStorable(value) : value instanceof Uint8Array);
}
