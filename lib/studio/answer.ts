import { messageOf } from "../base/message.js";
import { ExecutionError, StoreError, ValidationError } from "../index.js";
import { toJson } from "../observers/event-json.js";

/** What a request is refused with: a status of HTTP, a code, and what to do. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

/** What every answer has, so that it is of no use to other pages, and no page of ours loads anything from elsewhere. */
const GUARDS: Readonly<Record<string, string>> = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
};

/** An answer, with what keeps it from other pages and from caches. */
export function answer(
  body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null,
  type: string,
  { status = 200, headers = {} }: { status?: number; headers?: Readonly<Record<string, string>> } = {},
): Response {
  const own = {
    ...GUARDS,
    "Cache-Control": "no-store",
    ...(body === null ? {} : { "Content-Type": type }),
    ...headers,
  };
  return new Response(body, { status, headers: own });
}

/** Any value as JSON. */
export function json(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Response {
  return answer(toJson(value), "application/json; charset=utf-8", { status, headers });
}

export function refused({ status, code, message, headers }: Refusal): Response {
  return json({ error: { code, message } }, status, headers);
}

const STATUSES: Readonly<Record<string, number>> = {
  NOT_FOUND: 404,
  RUN_ENDED: 409,
  RUN_EXISTS: 409,
  KEY_CONFLICT: 409,
  LEASE_HELD: 409,
  UNSTORABLE: 400,
};

/** What went wrong, for whoever asked: its code and message, and never a stack of ours. */
export function failed(error: unknown): Response {
  if (error instanceof Refusal) return refused(error);
  const { code } = error as { code?: unknown };
  const name = typeof code === "string" ? code : "INTERNAL";
  return json({ error: { code: name, message: messageOf(error) } }, statusOf(error));
}

function statusOf(error: unknown): number {
  if (error instanceof StoreError) return STATUSES[error.code] ?? 500;
  // For a node that is over.
  if (error instanceof ExecutionError) return 409;
  // For options, inputs and payloads.
  const isInvalid = error instanceof ValidationError || error instanceof TypeError || error instanceof RangeError;
  return isInvalid ? 400 : 500;
}
