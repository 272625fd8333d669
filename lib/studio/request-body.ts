import { isJsonType, readBody } from "../base/http-body.js";
import { isJsonObject } from "../base/objects.js";
import { Refusal } from "./answer.js";

/** In bytes. */
const MOST = 1_000_000;

/**
 * The body of a request, an object in JSON.
 * @throws {Refusal} 400, 413, 415
 */
export async function bodyOf(request: Request): Promise<Readonly<Record<string, unknown>>> {
  // Forms of other pages can't have this type.
  if (!isJsonType(request.headers.get("content-type") ?? undefined)) {
    throw new Refusal(415, "BODY", 'The body must be JSON, with "Content-Type: application/json".');
  }
  let value: unknown;
  try {
    value = JSON.parse(await textOf(request));
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(400, "BODY", "The body is not valid JSON.");
  }
  if (isJsonObject(value)) return value;
  throw new Refusal(400, "BODY", "The body must be an object.");
}

async function textOf(request: Request): Promise<string> {
  const body = (request.body ?? []) as AsyncIterable<Uint8Array>;
  const bytes = await readBody(body, request.headers.get("content-length"), MOST, tooLarge);
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

function tooLarge(): Refusal {
  return new Refusal(
    413,
    "BODY",
    "The body has more than a million bytes. Pass what is larger from a program of your own.",
  );
}
