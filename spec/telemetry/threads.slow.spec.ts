import { afterAll, describe, expect, it } from "vitest";
import { ThreadPool, type RunEvent } from "dagwright";
import { otel } from "dagwright/otel";
import { traced } from "../support/traced-thread.js";
import { useOpenTelemetry } from "../support/traced.js";

const { logged, spans } = useOpenTelemetry();
const telemetry = otel();
const pool = new ThreadPool({ maxWorkers: 1 });
afterAll(() => pool.close());

interface Seen {
  readonly isMainThread: boolean;
  readonly traceId: string;
  readonly parent: string;
}

describe("On worker threads", () => {
  it("spans that nodes begin are part of their attempts, also those of items that go together", async () => {
    const run = await traced.run({ telemetry, pool, mode: "async" });
    const attempts = spans().filter(({ name }) => name === "attempt alone" || name === "attempt each");
    const seen = [run.get("alone"), ...(run.get("each") as Seen[])] as Seen[];
    expect(seen.map(({ isMainThread }) => isMainThread)).toEqual([false, false, false]);
    expect(new Set(seen.map(({ traceId }) => traceId))).toEqual(new Set(attempts.map(({ traceId }) => traceId)));
    expect(seen.map(({ parent }) => parent).sort()).toEqual(attempts.map(({ spanId }) => spanId).sort());
  });

  it("lines of the log come with their fields and level, and bad ones are refused", async () => {
    const events: RunEvent[] = [];
    await traced.run({ telemetry, pool, observers: [(event) => events.push(event)] });
    const lines = events.flatMap((event) => (event.type === "node.log" ? event : []));
    expect(lines).toMatchObject([
      { node: "logs", attempt: 1, message: "on a thread", fields: { rows: 3 }, level: "warn" },
      { message: "fields.f of ctx.log can't be cloned. Pass plain data.", fields: {}, level: "info" },
      { message: expect.stringContaining('"level" must be one of "debug", "info", "warn", "error"; received "loud"') },
    ]);
    const attempt = spans().find(({ name }) => name === "attempt logs");
    const [record] = logged.getFinishedLogRecords();
    expect(record).toMatchObject({ body: "on a thread", severityText: "WARN", attributes: { rows: 3 } });
    expect(record.spanContext?.spanId).toBe(attempt?.spanId);
  });
});
