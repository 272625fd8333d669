import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isIP, type AddressInfo } from "node:net";
import {
  checkNonEmptyString,
  checkOptions,
  integer,
  label,
  number,
  show,
  type OptionName,
  type Rules,
} from "../base/check.js";
import { onAbort } from "../base/abort.js";
import { isJsonType, readBody } from "../base/http-body.js";
import { isJsonObject } from "../base/objects.js";
import { isSameSecret } from "../base/secrets.js";
import { MAX_TIMEOUT } from "../base/timer.js";
import { Dag, Fsm } from "../index.js";
import { TIMEOUT_HEADER, VERSION_HEADER } from "./connect.js";
import { failureOf, RpcFailure } from "./rpc-failure.js";
import { checkToken } from "./rpc-options.js";
import { ServedNodes } from "./served-nodes.js";

/** The options of {@link serveNodes}. */
export interface ServeNodesOptions {
  /** What callers must send as `Authorization: Bearer …`. Required unless only this machine can connect. */
  token?: string | undefined;
  /** The port to listen on; 0 for any that is free. @defaultValue 0 */
  port?: number | undefined;
  /** The address to listen on. @defaultValue "127.0.0.1", for this machine only */
  host?: string | undefined;
  /** A server of your own, which listens or will, instead of `port` and `host`. It is yours to close. */
  listener?: Server | undefined;
  /** The maximum size of a request, in bytes. @defaultValue 4 MiB */
  maxRequestBytes?: number | undefined;
}

/** Nodes that are served. */
export interface NodeServer {
  /** Where: `http://127.0.0.1:4000`. Nodes are at `<url>/<workflow>/<node>`. */
  readonly url: string;
  readonly port: number;
  /** Aborts the calls in flight, and takes no more. */
  close(): Promise<void>;
}

const MOST_BYTES = 4 * 2 ** 20;
/** How long a request may take to arrive, in ms. */
const ARRIVAL = 30_000;
const LOOPBACK = /^(?:127(?:\.\d+){3}|::1|localhost|::ffff:127(?:\.\d+){3})$/u;

const RULES: Rules<ServeNodesOptions> = {
  token: checkToken,
  port: number({ min: 0, max: 65_535, integer: true }),
  host: checkHost,
  listener: checkListener,
  maxRequestBytes: integer(1),
};

/**
 * Serves the nodes of a workflow to `rpc`, and to whatever speaks the Connect protocol: `POST /<workflow>/<node>`, inputs
 * by parameter name, answered by `{ "result": … }`. A node is called by itself: its retries, timeouts and the like belong
 * to the run that calls it. A caller that leaves aborts `ctx.signal`.
 * @param workflow - a dag, an annotated class, or an instance of one
 * @throws {TypeError} | {RangeError} for an unusable option, and without a token for an address that others can reach;
 *   {InvalidNodeError} for what is no dag; {Error} EADDRINUSE, EACCES
 */
export async function serveNodes(workflow: object, options: ServeNodesOptions = {}): Promise<NodeServer> {
  checkOptions(options, RULES, "serveNodes");
  if (workflow instanceof Fsm) {
    throw new TypeError(`serveNodes takes a dag; "${workflow.name}" is an fsm, whose states belong to a run.`);
  }
  const dag = workflow instanceof Dag ? workflow : Dag.from(workflow);
  const { token, port = 0, host = "127.0.0.1", listener, maxRequestBytes = MOST_BYTES } = options;
  if (listener !== undefined && (options.port ?? options.host) !== undefined) {
    throw new TypeError('"listener" has a port and a host of its own. Leave out "port" and "host".');
  }
  if (token === undefined && listener === undefined && !LOOPBACK.test(host)) throw open(host);
  const server = listener ?? createServer({ requestTimeout: ARRIVAL, headersTimeout: ARRIVAL });
  const service = new NodeService(new ServedNodes(dag), token, maxRequestBytes);
  if (listener === undefined) await listening(server, port, host);
  else if (!server.listening)
    await new Promise<void>((resolve, reject) => server.once("listening", resolve).once("error", reject));
  const { address, port: actual } = server.address() as AddressInfo;
  if (token === undefined && !LOOPBACK.test(address)) throw open(address);
  server.on("request", service.handle);
  const shown = listener === undefined ? host : address;
  return {
    url: `http://${isIP(shown) === 6 ? `[${shown}]` : shown}:${actual}`,
    port: actual,
    close: async () => {
      server.off("request", service.handle);
      service.close();
      if (listener !== undefined) return;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function open(host: string): TypeError {
  return new TypeError(
    `serveNodes without a token would let anyone who reaches ${host} call nodes. Pass { token }, or leave out "host".`,
  );
}

function listening(server: Server, port: number, host: string): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** Answers requests. */
class NodeService {
  private readonly aborts = new Set<AbortController>();

  constructor(
    private readonly nodes: ServedNodes,
    private readonly token: string | undefined,
    private readonly maxBytes: number,
  ) {}

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    const abort = new AbortController();
    this.aborts.add(abort);
    response.once("close", () => {
      this.aborts.delete(abort);
      abort.abort(new Error("The caller has left."));
    });
    void this.answer(request, abort).then(
      (body) => send(response, 200, body),
      (error) => {
        const { status, body } = failureOf(error);
        // The rest of a request that is refused is not read.
        if (!request.complete) response.setHeader("connection", "close");
        send(response, status, body);
      },
    );
  };

  close(): void {
    for (const abort of this.aborts) abort.abort(new Error("The server is closing."));
  }

  private async answer(request: IncomingMessage, abort: AbortController): Promise<string> {
    const { headers, method, url = "/" } = request;
    this.admit(request);
    const spec = this.nodes.at(url.split("?", 1)[0]);
    if (method !== "POST") throw new RpcFailure("unimplemented", `Nodes are called by POST; received ${method}.`);
    if (!isJsonType(headers["content-type"])) {
      throw new RpcFailure("invalid_argument", 'The body must be JSON, with "Content-Type: application/json".');
    }
    const version = headers[VERSION_HEADER];
    if (version !== undefined && version !== "1") {
      throw new RpcFailure("invalid_argument", `"Connect-Protocol-Version" must be 1; received ${show(version)}.`);
    }
    const inputs = inputsIn(await this.bodyOf(request));
    const timer = timerOf(headers[TIMEOUT_HEADER], abort);
    try {
      return await raced(this.nodes.call(spec, inputs, headers, abort.signal), abort.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  /** @throws {RpcFailure} unauthenticated, permission_denied */
  private admit({ headers }: IncomingMessage): void {
    if (this.token !== undefined) {
      if (isSameSecret(headers.authorization ?? "", `Bearer ${this.token}`)) return;
      throw new RpcFailure("unauthenticated", 'The token is missing or wrong. Send "Authorization: Bearer <token>".');
    }
    // A page in a browser of this machine, by a name that leads here.
    const host = (headers.host ?? "").replace(/:\d+$/u, "").replace(/^\[(.*)\]$/u, "$1");
    if (!LOOPBACK.test(host) || headers.origin !== undefined) {
      throw new RpcFailure("permission_denied", "Without a token, only programs of this machine are served.");
    }
  }

  private async bodyOf(request: IncomingMessage): Promise<string> {
    const { maxBytes } = this;
    const tooLarge = (bytes: string) =>
      new RpcFailure(
        "resource_exhausted",
        `The request has ${bytes} bytes, more than "maxRequestBytes" of ${maxBytes}.`,
      );
    const body = await readBody(request, request.headers["content-length"], maxBytes, tooLarge);
    return body.toString("utf8");
  }
}

function inputsIn(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new RpcFailure("invalid_argument", "The body is not valid JSON.");
  }
  if (isJsonObject(value)) return value;
  throw new RpcFailure("invalid_argument", `The body must be an object with inputs by name; received ${show(value)}.`);
}

/** Ends a call when its caller waits no longer. */
function timerOf(header: string | string[] | undefined, abort: AbortController): NodeJS.Timeout | undefined {
  const timeout = typeof header === "string" && /^\d{1,10}$/u.test(header) ? Number(header) : undefined;
  if (timeout === undefined) return undefined;
  const late = () =>
    abort.abort(new RpcFailure("deadline_exceeded", `The node took longer than the ${timeout} ms of its caller.`));
  return setTimeout(late, Math.min(timeout, MAX_TIMEOUT));
}

/** Settles like `work`, or rejects with the reason of a signal as soon as that aborts. */
function raced<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const forget = onAbort(signal, reject);
    work.then(resolve, reject).finally(forget);
  });
}

function send(response: ServerResponse, status: number, body: string): void {
  if (response.destroyed) return;
  response.writeHead(status, { "content-type": "application/json" });
  response.end(body);
}

function checkHost(option: OptionName, host: unknown): void {
  checkNonEmptyString(option, host);
  if (isIP(host) > 0 || /^[\w-]+(?:\.[\w-]+)*$/u.test(host)) return;
  throw new TypeError(`${label(option)} must be an IP address or a host name, without a port; received ${show(host)}.`);
}

function checkListener(option: OptionName, listener: unknown): void {
  if (typeof (listener as Partial<Server> | null)?.on === "function" && "listening" in (listener as object)) return;
  throw new TypeError(`${label(option)} must be a server of node:http; received ${show(listener)}.`);
}
