import { describe, expect, it, vi } from "vitest";
import { Dag, type Context, type RunEvent } from "dagwright";
import { consoleLog } from "dagwright/observers";
import { otel } from "dagwright/otel";
import { Service } from "dagwright/service";
import { sqliteStore } from "dagwright/store";
import { useOpenTelemetry } from "../support/traced.js";
import { failure } from "../support/waiting.js";

const { logged, spans } = useOpenTelemetry();

function talking(): Dag {
  const dag = new Dag("talking");
  dag.node("says", (ctx: Context) => {
    ctx.log("plain");
    ctx.log("with fields", { rows: 3, nested: { a: 1 } }, "error");
  });
  return dag;
}

/** A logger as pino's: what it gets, as [level, fields, message]. */
function recording() {
  const lines: unknown[][] = [];
  const at = (level: string) => (fields: object, message: string) => void lines.push([level, fields, message]);
  return { lines, logger: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") } };
}

describe("ctx.log", () => {
  it("sends a message, fields and a level to observers", async () => {
    const events: RunEvent[] = [];
    await talking().run({ observers: [(event) => events.push(event)] });
    expect(events.filter(({ type }) => type === "node.log")).toMatchObject([
      { node: "says", attempt: 1, message: "plain", fields: {}, level: "info" },
      { message: "with fields", fields: { rows: 3, nested: { a: 1 } }, level: "error" },
    ]);
  });

  it("says which item of a map it is about", async () => {
    const events: RunEvent[] = [];
    const dag = new Dag("mapping");
    dag.node("list", () => ["a", "b"]);
    dag.map("each", { needs: ["list"] }, (item: string, ctx: Context) => ctx.log(item));
    await dag.run({ observers: [(event) => events.push(event)] });
    const lines = events.flatMap((event) => (event.type === "node.log" ? event : []));
    expect(lines.map(({ message, item }) => [message, item])).toEqual([
      ["a", { index: 0, key: 0 }],
      ["b", { index: 1, key: 1 }],
    ]);
  });

  it.each([
    [["x", "no record"], '"fields" must be an object; received "no record"'],
    [["x", []], '"fields"'],
    [["x", {}, "warning"], '"level" must be one of "debug", "info", "warn", "error"; received "warning". Use "warn"'],
    [["x", {}, 3], '"level" must be one of'],
  ] as [unknown[], string][])("refuses %j", async (line, message) => {
    const dag = new Dag("bad");
    dag.node("says", (ctx: Context) => (ctx.log as (...line: unknown[]) => void)(...line));
    expect((await failure(dag.run())).message).toContain(message);
  });

  it("is one line on the console, with what is not plain", async () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    await talking().run({ observers: [consoleLog()] });
    const lines = log.mock.calls.map(([line]) => String(line));
    log.mockRestore();
    expect(lines).toContain("says: plain");
    expect(lines).toContain('says: error: with fields {"rows":3,"nested":{"a":1}}');
  });

  it("is an event of the attempt's span, and a log record with its trace", async () => {
    await talking().run({ telemetry: otel(), runId: "r1" });
    const attempt = spans().find(({ name }) => name === "attempt says");
    expect(attempt?.events).toEqual(["log", "log"]);
    const records = logged.getFinishedLogRecords();
    expect(records.map(({ body, severityText, severityNumber }) => [body, severityText, severityNumber])).toEqual([
      ["plain", "INFO", 9],
      ["with fields", "ERROR", 17],
    ]);
    expect(records[1].attributes).toMatchObject({ "dagwright.run.id": "r1", "dagwright.node.name": "says", rows: 3 });
    expect(records[1].spanContext).toMatchObject({ traceId: attempt?.traceId, spanId: attempt?.spanId });
  });
});

describe("The option logger", () => {
  it("gets the lines of nodes, and how the run goes", async () => {
    const { lines, logger } = recording();
    await talking().run({ logger, runId: "r1" });
    expect(lines).toEqual([
      ["info", { runId: "r1", workflow: "talking" }, "run started"],
      ["info", { runId: "r1", node: "says", attempt: 1 }, "plain"],
      ["error", { rows: 3, nested: { a: 1 }, runId: "r1", node: "says", attempt: 1 }, "with fields"],
      ["info", { runId: "r1", status: "completed" }, "run completed"],
    ]);
  });

  it("gets failures with their errors, also of runs inside, and leaves observers as they are", async () => {
    const { lines, logger } = recording();
    const inner = new Dag("inner");
    inner.node("bad", { retry: { retries: 1, delay: 0 } }, () => {
      throw new Error("no");
    });
    const outer = new Dag("outer", { runOptions: { logger } });
    outer.node("check", inner);
    const seen: string[] = [];
    await failure(outer.run({ observers: [({ type }) => seen.push(type)] }));
    expect(seen).toContain("run.finished");
    expect(
      lines.map(([level, fields, message]) => [level, (fields as any).node, String(message).slice(0, 18)]),
    ).toEqual([
      ["info", undefined, "run started"],
      ["info", undefined, "run started"],
      ["warn", "bad", "attempt failed: no"],
      ["warn", "bad", "attempt failed: no"],
      ["error", "bad", "node failed: Node "],
      ["error", undefined, 'run failed: Node "'],
      ["warn", "check", "attempt failed: No"],
      ["error", "check", "node failed: outer"],
      ["error", undefined, "run failed: outer "],
    ]);
    expect((lines[2][1] as any).err).toMatchObject({ message: "no" });
  });

  it("of a service gets what happens in the runs that it drives, in place of that of their workflow", async () => {
    const { lines, logger } = recording();
    const own = recording();
    const dag = new Dag("driven", { runOptions: { logger: own.logger } });
    dag.node("says", (ctx: Context) => ctx.log("here"));
    await using store = sqliteStore(":memory:");
    await using service = new Service({ store, workflows: [dag], logger });
    await service.start();
    const run = await service.submit(dag, { runId: "r1" });
    await run.result();
    expect(lines.map(([level, , message]) => [level, message])).toEqual([
      ["info", "run started"],
      ["info", "here"],
      ["info", "run completed"],
    ]);
    expect(own.lines).toEqual([]);
    const refuse = () => new Service({ store, workflows: [dag], logger: {} as never });
    expect(refuse).toThrow(/^"logger" must have the methods debug, info, warn and error/u);
  });

  it.each([[null], [{}], ["console"], [{ info() {} }]])("refuses %j", async (logger) => {
    const error = await failure(talking().run({ logger: logger as never }));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toMatch(/^"logger" must have the methods debug, info, warn and error/u);
  });
});
