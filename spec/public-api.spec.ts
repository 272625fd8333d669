import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { VERSION } from "../lib/base/own-files.js";
import * as api from "dagwright";
import * as stores from "dagwright/store";

it("exports only documented names", () => {
  expect(Object.keys(api).sort()).toEqual([
    "BackendError",
    "CancelledError",
    "CircuitOpenError",
    "ClosedError",
    "CycleError",
    "Dag",
    "DagwrightError",
    "DeadlockError",
    "DisconnectedNodeError",
    "ExecutionError",
    "FallbackError",
    "Fsm",
    "InputsTimeoutError",
    "InvalidNodeError",
    "InvalidTransitionError",
    "MaxCyclesError",
    "MissingConnectionError",
    "MissingInputError",
    "MissingResultError",
    "NodeTimeoutError",
    "NotCloneableError",
    "PauseRun",
    "QueueFullError",
    "RecoverError",
    "RetryExhaustedError",
    "RunTimeoutError",
    "Scheduler",
    "StoreError",
    "StreamError",
    "ThreadPool",
    "UnknownStateError",
    "ValidationError",
    "WorkflowRegistry",
    "all",
    "any",
    "cachedNode",
    "cases",
    "circuitState",
    "circuits",
    "condition",
    "decide",
    "getContext",
    "map",
    "next",
    "node",
    "optional",
    "resetCircuit",
    "route",
    "select",
    "state",
    "stop",
    "stream",
    "subworkflow",
    "switchOn",
    "transforms",
    "waitForEvent",
    "workflow",
  ]);
});

it("exports only documented names from dagwright/store", () => {
  expect(Object.keys(stores).sort()).toEqual(["SqlStore", "postgresStore", "sqliteStore"]);
});

it("derives every error from DagwrightError, with its own name", () => {
  for (const [name, value] of Object.entries(api)) {
    if (!name.endsWith("Error")) continue;
    const { prototype } = value as unknown as { prototype: Error };
    expect(prototype.name).toBe(name);
    expect(name === "DagwrightError" || prototype instanceof api.DagwrightError).toBe(true);
  }
});

const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as object;

it("knows its version", () => {
  expect(manifest).toMatchObject({ name: "dagwright", version: VERSION });
});

it("depends on piscina, and has database drivers as optional peers", () => {
  expect(manifest).toMatchObject({
    dependencies: { piscina: expect.any(String) },
    peerDependencies: { libsql: expect.any(String), pg: expect.any(String) },
    peerDependenciesMeta: { libsql: { optional: true }, pg: { optional: true } },
  });
  expect(manifest).not.toHaveProperty("optionalDependencies");
});
