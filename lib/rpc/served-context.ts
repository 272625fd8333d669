import type { IncomingHttpHeaders } from "node:http";
import type { Context } from "../index.js";
import { isJsonObject } from "../base/objects.js";
import { tryOr } from "../base/safe-access.js";
import { ATTEMPT, IDEMPOTENCY_KEY, INPUTS, METADATA, RUN, WORKFLOW } from "./call-headers.js";

/** What to do without a member of the context that only the process of the run has. */
const INSTEAD = {
  progress: "Report progress from a node that runs inline, or on a thread",
  log: "Write to the log of the server, or return what is to be told",
  get: "Take the result as a need",
  has: "Take the result as an optional need",
  results: "Take results as needs",
  run: "Run the workflow by itself, or from a node that runs inline",
  metrics: "Return the numbers, and let a node that runs inline set metrics",
};

/** The context of a node that `serveNodes` calls: what the headers of the call say. */
export class ServedContext implements Context {
  readonly runId: string;
  readonly workflow: string;
  readonly attempt: number;
  readonly idempotencyKey: string;
  readonly item = undefined;
  readonly trigger = undefined;
  readonly #inputs: Readonly<Record<string, unknown>> | undefined;
  readonly #metadata: Record<string, unknown> | undefined;

  /** @param workflow - the one that is served, if the call names none */
  constructor(
    headers: IncomingHttpHeaders,
    workflow: string,
    readonly nodeName: string,
    readonly signal: AbortSignal,
  ) {
    this.runId = textIn(headers[RUN]) ?? crypto.randomUUID();
    this.workflow = textIn(headers[WORKFLOW]) ?? workflow;
    this.attempt = Math.max(1, Math.trunc(Number(headers[ATTEMPT] ?? 1)) || 1);
    this.idempotencyKey = textIn(headers[IDEMPOTENCY_KEY]) ?? `${this.runId}/${nodeName}`;
    this.#inputs = recordIn(headers[INPUTS]);
    this.#metadata = recordIn(headers[METADATA]);
  }

  get inputs(): Readonly<Record<string, unknown>> {
    return this.#inputs ?? this.notSent("inputs");
  }

  /** A copy. */
  get metadata(): Record<string, unknown> {
    return this.#metadata ?? this.notSent("metadata");
  }

  get metrics(): never {
    return this.missing("metrics");
  }

  get results(): never {
    return this.missing("results");
  }

  get(): never {
    return this.missing("get");
  }

  has(): never {
    return this.missing("has");
  }

  progress(): never {
    return this.missing("progress");
  }

  log(): never {
    return this.missing("log");
  }

  run(): never {
    return this.missing("run");
  }

  private missing(member: keyof typeof INSTEAD): never {
    throw new TypeError(
      `Node "${this.nodeName}" runs on the backend "rpc", where its context has no ${member}. ${INSTEAD[member]}.`,
    );
  }

  private notSent(member: string): never {
    throw new TypeError(
      `Node "${this.nodeName}" runs on the backend "rpc", to which the ${member} of the run were not sent: they are no ` +
        `plain data, or longer than 4 KiB as JSON. Pass what it needs as a parameter.`,
    );
  }
}

function textIn(header: string | string[] | undefined): string | undefined {
  return typeof header === "string" && header !== "" ? tryOr(() => decodeURIComponent(header), header) : undefined;
}

function recordIn(header: string | string[] | undefined): Record<string, unknown> | undefined {
  const text = textIn(header);
  const value: unknown = text === undefined ? undefined : tryOr(() => JSON.parse(text) as unknown, undefined);
  return isJsonObject(value) ? value : undefined;
}
