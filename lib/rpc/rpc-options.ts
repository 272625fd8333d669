import {
  checkDuration,
  checkNonEmptyString,
  checkOptions,
  checkRecord,
  integer,
  label,
  nested,
  show,
  type OptionName,
  type Rules,
} from "../base/check.js";
import { MAX_TIMEOUT } from "../base/timer.js";
import type { BackendError } from "../index.js";

/** The options of {@link rpc}. */
export interface RpcOptions {
  /** The node of `serveNodes` to call: its name, or `workflow/node`. It is appended to the path of the URL. */
  node?: string | undefined;
  /** How long a call may take, in ms. @defaultValue 30,000 */
  timeout?: number | undefined;
  /** The maximum number of connections, and so of calls in flight in one run. @defaultValue 8 */
  poolSize?: number | undefined;
  /** Headers of each request. */
  headers?: Readonly<Record<string, string>> | undefined;
  /** The token that the server asks for: `Authorization: Bearer …`. */
  token?: string | undefined;
  /**
   * Whether another attempt may mend a failure.
   * @defaultValue by the code of the Connect protocol: `unavailable`, `deadline_exceeded`, `resource_exhausted`, `aborted`,
   *   `internal` and `unknown` may be retried
   */
  retryable?: ((error: BackendError) => boolean) | undefined;
  /** The maximum size of a response, in bytes. @defaultValue 16 MiB */
  maxResponseBytes?: number | undefined;
}

/** The headers that a call has anyway. */
const OWN_HEADERS =
  /^(?:host|connection|content-(?:length|type|encoding)|transfer-encoding|accept-encoding|connect-.*|dagwright-.*|trace(?:parent|state))$/iu;

const RULES: Rules<RpcOptions> = {
  node: checkNonEmptyString,
  timeout: (option, timeout) => checkDuration(option, timeout, 1, MAX_TIMEOUT),
  poolSize: integer(1),
  headers: checkHeaders,
  token: checkToken,
  retryable: "function",
  maxResponseBytes: integer(1),
};

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkRpcOptions(options: RpcOptions): void {
  checkOptions(options, RULES, "rpc");
  const { headers = {}, token } = options;
  const clash = token === undefined ? undefined : Object.keys(headers).find((name) => /^authorization$/iu.test(name));
  if (clash !== undefined) throw new TypeError(`"headers.${clash}" is what "token" stands for. Keep one of them.`);
}

/** The address that calls go to. @throws {TypeError} unless it is an HTTP URL */
export function endpointOf(url: unknown, node: string | undefined): URL {
  const rule = 'The URL of rpc must be like "https://host/path"';
  let parsed: URL;
  try {
    parsed = new URL(url as string);
  } catch {
    throw new TypeError(`${rule}; received ${show(url)}.`);
  }
  if (parsed.protocol !== "http:" && parsed.protocol !== "https:")
    throw new TypeError(`${rule}; received ${show(url)}.`);
  if (parsed.port === "0") throw new TypeError(`${rule}, with a port that a server can have; received ${show(url)}.`);
  if (parsed.username !== "" || parsed.password !== "") {
    throw new TypeError(`${rule}, without a user or password, which logs would show. Pass { token } or { headers }.`);
  }
  if (parsed.hash !== "") throw new TypeError(`${rule}, without a fragment; received ${show(url)}.`);
  if (node === undefined) return parsed;
  const way = node.split("/").map(encodeURIComponent).join("/");
  parsed.pathname = `${parsed.pathname.replace(/\/$/u, "")}/${way}`;
  return parsed;
}

function checkHeaders(option: OptionName, headers: unknown): void {
  checkRecord(option, headers);
  for (const [name, value] of Object.entries(headers as object)) {
    const header = nested(option, name);
    if (!/^[!#$%&'*+\-.^_`|~\w]+$/u.test(name)) throw new TypeError(`${label(header)} is not the name of a header.`);
    if (OWN_HEADERS.test(name)) throw new TypeError(`${label(header)} is a header that rpc sets itself. Leave it out.`);
    if (typeof value !== "string" || /[^\t\x20-\x7e\x80-\xff]/u.test(value)) {
      throw new TypeError(`${label(header)} must be text that a header can hold; received ${show(value)}.`);
    }
  }
}

/** @throws {TypeError} unless it is text that a header can hold; does not show it */
export function checkToken(option: OptionName, token: unknown): void {
  if (typeof token === "string" && /^[\x21-\x7e]+$/u.test(token)) return;
  throw new TypeError(`${label(option)} must be a non-empty text of printable ASCII characters without spaces.`);
}
