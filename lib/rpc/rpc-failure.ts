import { isInstance } from "../base/safe-access.js";
import { messageOf } from "../base/message.js";
import { STATUS_OF, type RpcCode } from "./connect.js";
import { THROWN, thrownJson } from "./error-json.js";

/** A call that a server refuses. */
export class RpcFailure extends Error {
  constructor(
    readonly code: RpcCode,
    message: string,
  ) {
    super(message);
  }

  get status(): number {
    return STATUS_OF[this.code];
  }
}

/** The answer to a call that failed: the error JSON of the Connect protocol, with what a function has thrown. */
export function failureOf(thrown: unknown): { readonly status: number; readonly body: string } {
  if (isInstance(thrown, RpcFailure)) {
    return { status: thrown.status, body: JSON.stringify({ code: thrown.code, message: thrown.message }) };
  }
  const value = Buffer.from(JSON.stringify(thrownJson(thrown))).toString("base64");
  const body = { code: "unknown", message: messageOf(thrown), details: [{ type: THROWN, value }] };
  return { status: STATUS_OF.unknown, body: JSON.stringify(body) };
}
