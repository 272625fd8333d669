/** Studios that listen, for specs, and what asks them. */
import { request as httpRequest } from "node:http";
import { afterEach } from "vitest";
import { createStudio, type Studio, type StudioOptions } from "dagwright/studio";
import { sqliteStore } from "dagwright/store";
import { listen, type Listener } from "../../lib/studio/listener.js";

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface Served {
  readonly studio: Studio;
  readonly listener: Listener;
  /** Where it listens, without a slash at the end. */
  readonly origin: string;
  /** Asks with the token, unless other headers say otherwise. */
  readonly ask: (path: string, init?: RequestInit) => Promise<Response>;
  /** What it answers to a `GET`, as data. */
  readonly data: (path: string) => Promise<any>;
  /** What it answers to a `POST` of data. */
  readonly post: (path: string, body: unknown) => Promise<{ readonly status: number; readonly body: any }>;
  /** Sends exactly these headers, also those that `fetch` would set itself. */
  readonly raw: (
    path: string,
    headers: Readonly<Record<string, string>>,
    init?: { readonly method?: string; readonly body?: string },
  ) => Promise<Reply>;
}

/** Serves studios on the loopback interface, and closes them after each spec. */
export function useStudios(): (options?: Partial<StudioOptions>) => Promise<Served> {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });
  return async (options = {}) => {
    const store = options.store ?? sqliteStore(":memory:");
    const studio = createStudio({ ...options, store });
    const listener = await listen(studio, 0);
    closing.push(async () => {
      await listener.close();
      if (options.store === undefined) await store.close();
    });
    const origin = listener.link.slice(0, listener.link.indexOf("/?"));
    const bearer = { authorization: `Bearer ${studio.token}` };
    const ask = (path: string, init: RequestInit = {}) =>
      fetch(origin + path, { redirect: "manual", ...init, headers: { ...bearer, ...(init.headers as object) } });
    return {
      studio,
      listener,
      origin,
      ask,
      data: async (path) => (await ask(path)).json(),
      post: async (path, body) => {
        const headers = { "content-type": "application/json" };
        const reply = await ask(path, { method: "POST", headers, body: JSON.stringify(body) });
        return { status: reply.status, body: await reply.json() };
      },
      raw: (path, headers, init) => raw(origin, path, headers, init),
    };
  };
}

function raw(
  origin: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  { method = "GET", body = "" }: { readonly method?: string; readonly body?: string } = {},
): Promise<Reply> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ hostname, port, path, method, headers }, (reply) => {
      let text = "";
      reply.setEncoding("utf8").on("data", (part: string) => (text += part));
      reply.on("end", () => resolve({ status: reply.statusCode as number, headers: reply.headers, text }));
    });
    sent.on("error", reject).end(body);
  });
}
