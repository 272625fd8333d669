/** The headers that tell a server about the call of a node. */
import { tryOr } from "../base/safe-access.js";
import type { BackendCall } from "../index.js";
import { plainJson } from "../base/plain-json.js";

export const RUN = "dagwright-run";
export const WORKFLOW = "dagwright-workflow";
export const NODE = "dagwright-node";
export const ATTEMPT = "dagwright-attempt";
export const IDEMPOTENCY_KEY = "dagwright-idempotency-key";
/** The inputs and the metadata of the run, as JSON. */
export const INPUTS = "dagwright-inputs";
export const METADATA = "dagwright-metadata";

/** How long a header may be, in characters. Servers take 16 KiB of them in all. */
const MOST = 4096;

/** The headers of a call. What is too long, or no plain data, is left out. */
export function callHeaders({ ctx, attempt, trace }: BackendCall): Record<string, string> {
  const [traceparent, ...states] = trace?.split(" ") ?? [];
  const all: Record<string, string | undefined> = {
    [RUN]: encoded(ctx.runId),
    [WORKFLOW]: encoded(ctx.workflow),
    [NODE]: encoded(ctx.nodeName),
    [ATTEMPT]: String(attempt),
    [IDEMPOTENCY_KEY]: encoded(ctx.idempotencyKey),
    [INPUTS]: dataHeader(ctx.inputs),
    [METADATA]: dataHeader(ctx.metadata),
    traceparent,
    tracestate: states.length === 0 ? undefined : states.join(" "),
  };
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** Text that any header can hold: what it can't is written as in URLs. */
function encoded(text: string): string {
  return text.replace(/[^\x21-\x24\x26-\x7e]/gu, (char) => tryOr(() => encodeURIComponent(char), "%EF%BF%BD"));
}

function dataHeader(record: Readonly<Record<string, unknown>>): string | undefined {
  const text = tryOr(() => encoded(plainJson({ ...record }, "")), undefined);
  return text === undefined || text.length > MOST ? undefined : text;
}
