import { EventEmitter } from "node:events";
import type * as Undici from "undici";
import { onAbort } from "../base/abort.js";
import { label } from "../base/check.js";
import { isJsonType, readBody } from "../base/http-body.js";
import { messageOf, asSentence } from "../base/message.js";
import { isJsonObject, ownValue } from "../base/objects.js";
import { load } from "../base/own-files.js";
import { tryOr } from "../base/safe-access.js";
import { failedAt, siteOf } from "../definition/specs/call-site.js";
import { BackendError, type Backend, type BackendCall, type NodeSpec } from "../index.js";
import { callHeaders } from "./call-headers.js";
import { codeOf, isRpcCode, isWorthRetry, TIMEOUT_HEADER, VERSION_HEADER } from "./connect.js";
import { THROWN, thrownFrom } from "./error-json.js";
import { NotPlain, plainJson } from "../base/plain-json.js";
import { checkRpcOptions, endpointOf, type RpcOptions } from "./rpc-options.js";

const TIMEOUT = 30_000;
const POOL_SIZE = 8;
const MOST_BYTES = 16 * 2 ** 20;

/**
 * A backend that calls a server: `POST` of JSON over connections that are kept, as unary calls of the Connect protocol
 * are. The body has the inputs by parameter name, and the answer is `{ "result": … }`, without it for undefined. Values
 * must be plain data. What the call belongs to is in the headers `Dagwright-Run`, `-Workflow`, `-Node`, `-Attempt` and
 * `-Idempotency-Key`, and in `traceparent`. Redirects are not followed.
 *
 * Fails with a `BackendError`: `rpcCode`, `status`, `cause`. What a function served by `serveNodes` throws is thrown here.
 * @param url - where `POST` goes to
 * @throws {TypeError} | {RangeError} for a URL or an option that makes no sense; {Error} when the package undici, an
 *   optional peer dependency, is not installed
 */
export function rpc(url: string | URL, options: RpcOptions = {}): Backend {
  checkRpcOptions(options);
  return new RpcBackend(endpointOf(url, options.node), options);
}

function loadUndici(): typeof Undici {
  try {
    return load("undici") as typeof Undici;
  } catch (cause) {
    const reason = messageOf(cause).split("\n", 1)[0];
    throw new Error(`rpc needs the package undici, which can't be loaded: ${reason}. Run "npm install undici@7".`, {
      cause,
    });
  }
}

class RpcBackend implements Backend {
  readonly name = "rpc";
  readonly limit: number;
  readonly #pool: Undici.Pool;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(
    readonly url: URL,
    private readonly options: RpcOptions,
  ) {
    const { poolSize = POOL_SIZE, headers, token } = options;
    this.limit = poolSize;
    const { Pool } = loadUndici();
    this.#pool = new Pool(url.origin, { connections: poolSize, headersTimeout: 0, bodyTimeout: 0 });
    this.#headers = {
      ...headers,
      "content-type": "application/json",
      "accept-encoding": "identity",
      [VERSION_HEADER]: "1",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
  }

  place({ signature }: NodeSpec): true | string {
    return !signature.rest || "inputs go by name, so a rest parameter has none";
  }

  async run(call: BackendCall, signal: AbortSignal): Promise<unknown> {
    signal.throwIfAborted();
    const failure = new Failure(call, this.url, this.options);
    const body = bodyOf(call, failure);
    const { timeout = TIMEOUT } = this.options;
    const limit = Math.min(timeout, call.node.options.timeout ?? timeout);
    // Combining signals costs a third of a call.
    const stop = new EventEmitter();
    const forget = onAbort(signal, () => stop.emit("abort"));
    let isLate = false;
    const late = () => {
      isLate = true;
      stop.emit("abort");
    };
    const timer = setTimeout(late, timeout);
    let response: Undici.Dispatcher.ResponseData;
    let text: string;
    try {
      response = await this.#pool.request({
        path: this.url.pathname + this.url.search,
        method: "POST",
        headers: { ...this.#headers, ...callHeaders(call), [TIMEOUT_HEADER]: String(Math.ceil(limit)) },
        body,
        signal: stop,
      });
      text = await this.textOf(response, failure);
    } catch (error) {
      if (signal.aborted || error instanceof BackendError) throw error;
      if (isLate) {
        const advice = `gave no answer within ${timeout} ms. Raise "timeout", or find out what takes so long`;
        throw failure.of("deadline_exceeded", advice, { cause: error });
      }
      throw failure.of("unavailable", `can't be reached: ${messageOf(error) || "the connection ended"}`, {
        cause: error,
      });
    } finally {
      clearTimeout(timer);
      forget();
    }
    return response.statusCode === 200 ? resultIn(text, response, failure) : refusal(text, response, failure);
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  /** The body of a response. Ends the connection if it is too large. */
  private async textOf(
    { body, headers, statusCode: status }: Undici.Dispatcher.ResponseData,
    failure: Failure,
  ): Promise<string> {
    const { maxResponseBytes = MOST_BYTES } = this.options;
    const tooLarge = (bytes: string) => {
      body.on("error", () => {}).destroy();
      const rule = `"maxResponseBytes" of ${maxResponseBytes}. Raise that, or have it answer with less`;
      return failure.of("resource_exhausted", `answered with ${bytes} bytes, more than ${rule}`, {
        status,
        isFinal: true,
      });
    };
    const bytes = await readBody(body, headers["content-length"], maxResponseBytes, tooLarge);
    return bytes.toString("utf8");
  }
}

/** Makes the errors of a call. */
class Failure {
  constructor(
    private readonly call: BackendCall,
    private readonly url: URL,
    private readonly options: RpcOptions,
  ) {}

  /** @param what - a clause about the server, without a full stop */
  of(
    rpcCode: string,
    what: string,
    { status, cause, isFinal = false }: { status?: number; cause?: unknown; isFinal?: boolean } = {},
  ): BackendError {
    const site = siteOf(this.call.site, cause);
    const { origin, pathname } = this.url;
    const message = `Node "${failedAt(site)}" failed at ${origin}${pathname}: it ${asSentence(what)}`;
    const isWorth = isWorthRetry(rpcCode) && !isFinal;
    const error = new BackendError(message, site, { rpcCode, status, retryable: isWorth });
    const { retryable } = this.options;
    if (retryable === undefined) return error;
    return new BackendError(message, site, { rpcCode, status, retryable: Boolean(retryable(error)) });
  }
}

function bodyOf({ node, inputs }: BackendCall, failure: Failure): string {
  const given = Object.entries(inputs).filter(([, value]) => value !== undefined);
  try {
    return plainJson(Object.fromEntries(given), "inputs");
  } catch (error) {
    if (!(error instanceof NotPlain)) throw error;
    const what = `was not called, since ${error.clause}. Pass plain data to "${node.name}"`;
    throw failure.of("invalid_argument", what, { cause: error });
  }
}

function resultIn(
  text: string,
  { statusCode: status, headers }: Undici.Dispatcher.ResponseData,
  failure: Failure,
): unknown {
  const answer = jsonIn(text, headers["content-type"]);
  if (isJsonObject(answer)) return ownValue(answer, "result");
  const rule = 'must be JSON, { "result": … }, as application/json';
  throw failure.of("internal", `gave an answer that ${rule}; received ${label(beginning(text))}`, {
    status,
    isFinal: true,
  });
}

/** Throws the error that a response stands for. */
function refusal(
  text: string,
  { statusCode: status, headers }: Undici.Dispatcher.ResponseData,
  failure: Failure,
): never {
  if (status >= 300 && status < 400) {
    const to = String(headers.location ?? "elsewhere");
    throw failure.of("unimplemented", `redirects to ${to}, which is not followed. Call that address if it is right`, {
      status,
    });
  }
  const answer = jsonIn(text, headers["content-type"]) as
    { code?: unknown; message?: unknown; details?: unknown } | undefined;
  const thrown = thrownIn(answer?.details);
  if (thrown !== undefined) throw thrown.value;
  const rpcCode = isRpcCode(answer?.code) ? answer.code : codeOf(status);
  const said = typeof answer?.message === "string" && answer.message !== "" ? `: ${answer.message}` : "";
  throw failure.of(rpcCode, `answered ${status} ${rpcCode}${said}`, { status });
}

/** What a function served by `serveNodes` has thrown. */
function thrownIn(details: unknown): { readonly value: unknown } | undefined {
  if (!Array.isArray(details)) return undefined;
  const found = details.find((detail) => (detail as { type?: unknown } | null)?.type === THROWN) as
    { value?: unknown } | undefined;
  if (typeof found?.value !== "string") return undefined;
  try {
    return { value: thrownFrom(JSON.parse(Buffer.from(found.value, "base64").toString("utf8"))) };
  } catch {
    return undefined;
  }
}

function jsonIn(text: string, type: string | string[] | undefined): unknown {
  return isJsonType(type?.toString()) ? tryOr(() => JSON.parse(text) as unknown, undefined) : undefined;
}

function beginning(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
