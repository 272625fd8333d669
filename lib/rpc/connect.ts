/** What the Connect protocol says of unary calls: headers, codes, and the HTTP status of each code. */

export const VERSION_HEADER = "connect-protocol-version";
export const TIMEOUT_HEADER = "connect-timeout-ms";

/** The HTTP status of each code. */
export const STATUS_OF = {
  canceled: 499,
  unknown: 500,
  invalid_argument: 400,
  deadline_exceeded: 504,
  not_found: 404,
  already_exists: 409,
  permission_denied: 403,
  resource_exhausted: 429,
  failed_precondition: 400,
  aborted: 409,
  out_of_range: 400,
  unimplemented: 501,
  internal: 500,
  unavailable: 503,
  data_loss: 500,
  unauthenticated: 401,
} as const;

export type RpcCode = keyof typeof STATUS_OF;

/** The codes of failures that another attempt may mend. */
const WORTH_A_RETRY: ReadonlySet<string> = new Set([
  "unknown",
  "deadline_exceeded",
  "resource_exhausted",
  "aborted",
  "internal",
  "unavailable",
]);

export function isWorthRetry(code: string): boolean {
  return WORTH_A_RETRY.has(code);
}

export function isRpcCode(code: unknown): code is RpcCode {
  return typeof code === "string" && Object.hasOwn(STATUS_OF, code);
}

const CODE_OF: Readonly<Record<number, RpcCode>> = {
  400: "internal",
  401: "unauthenticated",
  403: "permission_denied",
  404: "unimplemented",
  429: "unavailable",
  502: "unavailable",
  503: "unavailable",
  504: "unavailable",
};

/** The code of a failure that says none, as from a proxy. */
export function codeOf(status: number): RpcCode {
  return CODE_OF[status] ?? "unknown";
}
