/** Whether the type of a body, as its header says, is JSON. */
export function isJsonType(type: string | undefined): boolean {
  return /^application\/json(?:;|$)/iu.test(type ?? "");
}

/**
 * A body, read to its end.
 * @param announced - its length, as its header says
 * @param most - in bytes
 * @param tooLarge - makes the error for more: `5000`, or `at least 4097` if only a part was read
 * @throws what `tooLarge` gives
 */
export async function readBody(
  body: AsyncIterable<Uint8Array>,
  announced: unknown,
  most: number,
  tooLarge: (bytes: string) => Error,
): Promise<Buffer> {
  const length = Number(announced ?? 0);
  if (length > most) throw tooLarge(String(length));
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.byteLength;
    if (size > most) throw tooLarge(`at least ${size}`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
