import { randomBytes } from "node:crypto";
import { answer, failed, Refusal } from "./answer.js";
import type { Desk } from "./desk.js";
import { Gate } from "./gate.js";
import { GraphDrawer } from "./graph-drawer.js";
import { knownWorkflows } from "./known-workflows.js";
import { ListFeeds } from "./list-feeds.js";
import { lockedPage } from "./locked.js";
import { checkStudioOptions, type StudioOptions } from "./options.js";
import type { Place } from "./commands.js";
import { pageFile } from "./page-files.js";
import { route } from "./router.js";
import { Streams } from "./streams.js";
import { Client } from "../service.js";

/** A studio: shows the runs of a store in a browser, and acts on them. */
export interface Studio {
  /**
   * Answers a request: the page at `/`, its files, and the data below `/api/`. Mount it in any server that has a
   * `Request`, at the root or below a prefix that the server takes off the URL. Never rejects.
   */
  fetch(request: Request): Promise<Response>;
  /** What opens it: `/?token=…` in a browser, or `Authorization: Bearer …`. */
  readonly token: string;
  /** Ends all streams. The store stays open. Idempotent. */
  close(): Promise<void>;
  /** Closes it at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A studio for a store. It drives nothing: what it starts or resumes, a service goes on with.
 *
 * It admits only requests with the token, refuses what other pages send, answers only to the names of this machine, and
 * never loads anything from elsewhere. Values are shown as text.
 * @throws {TypeError} | {RangeError} naming the option, its rule and the value received; {InvalidNodeError} for what is
 *   no workflow; {ValidationError} for two of the same name
 */
export function createStudio(options: StudioOptions): Studio {
  return openStudio(options, { store: "runs.db", file: "workflows.ts", isWindows: process.platform === "win32" });
}

/** @param place - for command lines */
export function openStudio(options: StudioOptions, place: Place): Studio {
  checkStudioOptions(options);
  const { store, workflows, readOnly = false, redact = [], hosts = [] } = options;
  const { token = randomBytes(32).toString("base64url") } = options;
  const client = new Client(workflows === undefined ? { store } : { store, workflows });
  for (const path of redact) store.hide(path);
  const known = knownWorkflows(workflows);
  const gate = new Gate(token, hosts);
  const desk: Desk = {
    store,
    client,
    workflows: known,
    startable: workflows && [...known.keys(), ...workflows.filter((ref) => typeof ref === "string")],
    isReadOnly: readOnly,
    place,
    streams: new Streams(),
    lists: new ListFeeds(store),
    drawer: new GraphDrawer(store),
  };
  const close = async () => {
    desk.streams.close();
    await client.close();
  };
  return { fetch: (request) => respond(desk, gate, request), token, close, [Symbol.asyncDispose]: close };
}

async function respond(desk: Desk, gate: Gate, request: Request): Promise<Response> {
  const url = new URL(request.url);
  const isHead = request.method === "HEAD";
  try {
    const answered = await answerTo(desk, gate, isHead ? new Request(request, { method: "GET" }) : request, url);
    if (!isHead) return answered;
    await answered.body?.cancel();
    return new Response(null, answered);
  } catch (error) {
    const isLocked = error instanceof Refusal && error.status === 401 && url.pathname.endsWith("/");
    return isLocked ? lockedPage(error.message) : failed(error);
  }
}

async function answerTo(desk: Desk, gate: Gate, request: Request, url: URL): Promise<Response> {
  const entry = gate.admit(request, url);
  if (entry !== undefined) {
    const headers = { Location: entry.location, "Set-Cookie": entry.cookie };
    return answer(null, "", { status: 303, headers });
  }
  const [, path] = /^\/api\/(.*)$/u.exec(url.pathname) ?? [];
  if (path !== undefined) return await route(desk, request, path, url.searchParams);
  const file = request.method === "GET" ? await pageFile(url.pathname.slice(1)) : undefined;
  if (file !== undefined) return file;
  throw new Refusal(404, "NOT_FOUND", "The studio has no such page.");
}
