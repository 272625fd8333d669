import { describe, expect, it, vi } from "vitest";
import { Dag } from "dagwright";
import { otel } from "dagwright/otel";
import { sqliteSubject } from "../support/store-subjects.js";
import { useServices } from "../support/services.js";
import { useOpenTelemetry } from "../support/traced.js";
import { failure, until } from "../support/waiting.js";

const { points } = useOpenTelemetry();
const telemetry = otel();

const nodeOf = (workflow: string, node: string) => ({
  "dagwright.workflow.name": workflow,
  "dagwright.node.name": node,
});

describe("Metrics", () => {
  it("count runs and nodes by how they ended", async () => {
    const dag = new Dag("counted");
    dag.node("good", () => 1);
    dag.node("bad", { needs: ["good"], params: ["good"] }, () => {
      throw new Error("no");
    });
    await failure(dag.run({ telemetry }));
    expect(await points("dagwright.run.duration")).toEqual([
      { "dagwright.workflow.name": "counted", "dagwright.run.status": "failed", "error.type": "EXECUTION", value: 1 },
    ]);
    expect(await points("dagwright.node.duration")).toEqual([
      { ...nodeOf("counted", "good"), "dagwright.node.status": "completed", value: 1 },
      { ...nodeOf("counted", "bad"), "dagwright.node.status": "failed", "error.type": "EXECUTION", value: 1 },
    ]);
    expect(await points("dagwright.queue.wait")).toEqual([
      { ...nodeOf("counted", "good"), value: 1 },
      { ...nodeOf("counted", "bad"), value: 1 },
    ]);
  });

  it("count retries, of nodes and of items, and results from caches", async () => {
    const calls = new Map<string, number>();
    const flaky = (key: string) => {
      calls.set(key, (calls.get(key) ?? 0) + 1);
      if (calls.get(key) === 1) throw new Error("first");
      return key;
    };
    const dag = new Dag("retried");
    dag.node("one", { retry: { retries: 1, delay: 0 }, cache: {} }, () => flaky("one"));
    dag.node("list", () => ["x", "y"]);
    dag.map("each", { needs: ["list"], retry: { retries: 1, delay: 0 } }, (item: string) => flaky(item));
    await dag.run({ telemetry });
    await dag.run({ telemetry });
    expect(await points("dagwright.retries")).toEqual([
      { ...nodeOf("retried", "one"), value: 1 },
      { ...nodeOf("retried", "each"), value: 2 },
    ]);
    expect(await points("dagwright.cache.hits")).toEqual([{ ...nodeOf("retried", "one"), value: 1 }]);
  });

  it("tell which circuits are open", async () => {
    let isDown = true;
    const dag = new Dag("fused");
    dag.node("call", { circuitBreaker: { failureThreshold: 1, resetAfter: 1 } }, () => {
      if (isDown) throw new Error("down");
    });
    await failure(dag.run({ telemetry }));
    expect(await points("dagwright.circuit.state")).toEqual([{ ...nodeOf("fused", "call"), value: 1 }]);
    isDown = false;
    await until(() =>
      dag.run({ telemetry }).then(
        () => true,
        () => false,
      ),
    );
    expect(await points("dagwright.circuit.state")).toEqual([{ ...nodeOf("fused", "call"), value: 0 }]);
  });

  it("have no attributes that grow with the number of runs or items", async () => {
    const dag = new Dag("many");
    dag.node("list", (n: number) => Array.from({ length: n }, (_, i) => `item ${i}`));
    dag.map("each", { needs: ["list"] }, (item: string) => item);
    for (let n = 1; n <= 10; n++) await dag.run({ telemetry, inputs: { n }, runId: `run ${n}` });
    const ofThis = (all: readonly object[]) => all.filter((point) => JSON.stringify(point).includes('"many"'));
    for (const name of ["dagwright.run.duration", "dagwright.node.duration", "dagwright.queue.wait"]) {
      expect(ofThis(await points(name)).length).toBeLessThanOrEqual(2);
    }
  });
});

describe("The metric of runs that wait", () => {
  const { client, service } = useServices(sqliteSubject);

  it("is reported while a service is started", async () => {
    const dag = new Dag("waiting");
    dag.node("work", () => 1);
    const serving = service({ workflows: [dag], telemetry });
    const waiting = () => points("dagwright.runs.waiting");
    expect(await waiting()).toEqual([]);
    await serving.start();
    await client().submit(dag, { delay: 3_600_000 });
    expect(await waiting()).toEqual([
      { "dagwright.waiting.for": "event", value: 0 },
      { "dagwright.waiting.for": "service", value: 0 },
    ]);
    await serving.stop();
    const asked = vi.spyOn(serving, "health");
    await waiting();
    expect(asked).not.toHaveBeenCalled();
  });
});
