import { context, createTraceState, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { afterAll, describe, expect, it } from "vitest";
import type { Backend, Dag } from "dagwright";
import { rpc } from "dagwright/backends";
import { otel } from "dagwright/otel";
import { bundled } from "../support/bundled.js";
import { withRedis } from "../support/bullmq.js";
import { placedOn } from "../support/placed.js";
import { closeRemotes, queueName, useRemote } from "../support/remoted.js";
import { traced, type Seen } from "../support/traced-worker.js";
import { useOpenTelemetry } from "../support/traced.js";

const { spans } = useOpenTelemetry();
const telemetry = otel();
const script = bundled("traced-worker");
const processes: ChildProcess[] = [];
afterAll(() => processes.forEach((child) => child.kill("SIGKILL")));

/** Starts a process. Resolves to what it says first. */
async function started(options: object): Promise<string> {
  const child = spawn(process.execPath, ["--no-warnings", script, JSON.stringify(options)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  processes.push(child);
  return String((await once(child.stdout as NodeJS.ReadableStream, "data"))[0]).trim();
}

function spansElsewhere(name: string, placed: () => Promise<Dag<any>>): void {
  describe(`Spans that nodes begin ${name}`, () => {
    it("are part of their attempts, also of retries and of a map's items", async () => {
      const dag = await placed();
      const state = createTraceState("vendor=one of two,other=3");
      const outer = { traceId: "1".repeat(32), spanId: "2".repeat(16), traceFlags: 1, traceState: state };
      const run = await context.with(trace.setSpanContext(ROOT_CONTEXT, outer), () =>
        dag.run({ telemetry, mode: "hybrid" }),
      );
      const seen = [run.get("alone"), run.get("fails"), ...(run.get("each") as Seen[])] as Seen[];
      const attempts = spans().filter(({ name }) => /^attempt (?:alone|fails|each)/u.test(name));
      expect(attempts).toHaveLength(5);
      const ended = attempts.filter(({ failed }) => !failed).map(({ spanId }) => spanId);
      expect(seen.map(({ parent }) => parent).sort()).toEqual(ended.sort());
      for (const { pid, traceId, state: sent } of seen) {
        expect(pid).not.toBe(process.pid);
        expect(traceId).toBe(outer.traceId);
        expect(sent).toBe("vendor=one of two,other=3");
      }
    });

    it("begin traces of their own when nothing follows the run", async () => {
      const run = await (await placed()).run({ mode: "hybrid" });
      expect(run.get("alone")).toMatchObject({ parent: null });
    });
  });
}

let url: Promise<string> | undefined;
const backends: Backend[] = [];
afterAll(() => Promise.all(backends.map((backend) => backend.close?.())));
spansElsewhere("on a server", async () => {
  url ??= started({ kind: "server" });
  const origin = await url;
  return placedOn(traced, (node) => {
    const backend = rpc(`${origin}/traced`, { node });
    backends.push(backend);
    return backend;
  });
});

await withRedis((server) => {
  closeRemotes();
  let placed: Promise<Dag<any>> | undefined;
  spansElsewhere("at a worker", () => {
    placed ??= (async () => {
      const broker = { connection: server.url, prefix: server.prefix(), queue: queueName() };
      await started({ kind: "worker", ...broker });
      const backend = useRemote(broker);
      return placedOn(traced, () => backend);
    })();
    return placed;
  });
});
