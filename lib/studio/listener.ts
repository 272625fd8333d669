import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import type { Studio } from "./studio.js";

/** A studio that listens on this machine. */
export interface Listener {
  /** Opens the studio, with its token. */
  readonly link: string;
  /** Ends all streams and connections. The studio is closed, too. */
  close(): Promise<void>;
}

/** Other machines can't connect to it. */
const LOOPBACK = "127.0.0.1";

/**
 * Serves a studio on the loopback interface. @param port - 0 for any that is free
 * @throws {Error} EADDRINUSE, EACCES
 */
export async function listen(studio: Studio, port: number): Promise<Listener> {
  const server = createServer((request, response) => void serve(studio, request, response));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, LOOPBACK, resolve);
  });
  const { port: actual } = server.address() as AddressInfo;
  return {
    link: `http://${LOOPBACK}:${actual}/?token=${studio.token}`,
    close: async () => {
      await studio.close();
      await closed(server);
    },
  };
}

async function closed(server: Server): Promise<void> {
  const done = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await done;
}

async function serve(studio: Studio, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  let response: Response;
  try {
    response = await studio.fetch(requestOf(incoming));
  } catch {
    // What is no valid request: a host or a path that no URL has.
    outgoing.writeHead(400, { Connection: "close" }).end();
    return;
  }
  for (const [name, value] of response.headers) outgoing.setHeader(name, value);
  // The rest of a body that was refused is not read.
  if (!incoming.complete) outgoing.setHeader("Connection", "close");
  outgoing.writeHead(response.status);
  const reader = response.body?.getReader();
  if (reader === undefined) return void outgoing.end();
  outgoing.on("close", () => void reader.cancel().catch(() => {}));
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      if (!outgoing.write(part.value)) await drained(outgoing);
    }
    outgoing.end();
  } catch {
    outgoing.destroy();
  }
}

/** Resolves when a response takes more, or its reader has left. */
function drained(outgoing: ServerResponse): Promise<void> {
  if (outgoing.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const go = () => {
      outgoing.off("drain", go).off("close", go);
      resolve();
    };
    outgoing.on("drain", go).on("close", go);
  });
}

/** @throws {TypeError} for what is no valid URL or header */
function requestOf(incoming: IncomingMessage): Request {
  const { method = "GET", headers, url = "/" } = incoming;
  // A path that begins with two slashes would be a host.
  const address = new URL(`http://${headers.host ?? "localhost"}${url.startsWith("/") ? url : "/"}`);
  const own = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    for (const each of Array.isArray(value) ? value : [value ?? ""]) own.append(name, each);
  }
  const hasBody = method !== "GET" && method !== "HEAD";
  const body = hasBody ? (Readable.toWeb(incoming) as ReadableStream) : null;
  return new Request(address, { method, headers: own, body, ...(hasBody ? { duplex: "half" } : {}) });
}
