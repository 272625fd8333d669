import { Refusal } from "./answer.js";

/** In bytes. */
const MOST = 1_000_000;

/**
 * The body of a request, an object in JSON.
 * @throws {Refusal} 400, 413, 415
 */
export async function bodyOf(request: Request): Promise<Readonly<Record<string, unknown>>> {
  const type = request.headers.get("content-type") ?? "";
  // Forms of other pages can't have this type.
  if (!/^application\/json(?:;|$)/iu.test(type)) {
    throw new Refusal(415, "BODY", 'The body must be JSON, with "Content-Type: application/json".');
  }
  let value: unknown;
  try {
    value = JSON.parse(await textOf(request));
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(400, "BODY", "The body is not valid JSON.");
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Refusal(400, "BODY", "The body must be an object.");
}

async function textOf(request: Request): Promise<string> {
  if (Number(request.headers.get("content-length") ?? 0) > MOST) throw tooLarge();
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    size += part.byteLength;
    if (size > MOST) throw tooLarge();
    parts.push(part);
  }
  return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts));
}

function tooLarge(): Refusal {
  return new Refusal(
    413,
    "BODY",
    "The body has more than a million bytes. Pass what is larger from a program of your own.",
  );
}
