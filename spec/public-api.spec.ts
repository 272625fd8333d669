import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { VERSION } from "../lib/base/own-files.js";
import * as api from "dagwright";
import * as backends from "dagwright/backends";
import * as queues from "dagwright/bullmq";
import * as observers from "dagwright/observers";
import * as otel from "dagwright/otel";
import * as pictures from "dagwright/pictures";
import * as services from "dagwright/service";
import * as stores from "dagwright/store";
import * as studios from "dagwright/studio";
import * as kit from "dagwright/testing";

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
    "event",
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

it("exports only documented names from dagwright/pictures", () => {
  expect(Object.keys(pictures).sort()).toEqual(["timelineSVG", "toPNG", "toSVG"]);
});

it("exports only documented names from dagwright/studio", () => {
  expect(Object.keys(studios).sort()).toEqual(["createStudio"]);
});

it("exports only documented names from dagwright/otel", () => {
  expect(Object.keys(otel)).toEqual(["otel"]);
});

it("exports only documented names from dagwright/backends", () => {
  expect(Object.keys(backends).sort()).toEqual(["rpc", "serveNodes", "wasm"]);
});

it("exports only documented names from dagwright/observers", () => {
  expect(Object.keys(observers).sort()).toEqual(["consoleLog", "ndjson", "progress"]);
});

it("exports only documented names from dagwright/store", () => {
  expect(Object.keys(stores).sort()).toEqual(["SqlStore", "postgresStore", "sqliteStore"]);
});

it("exports only documented names from dagwright/service", () => {
  expect(Object.keys(services).sort()).toEqual(["Client", "FoundRun", "Service", "SubmittedRun", "nextRuns"]);
});

it("exports only documented names from dagwright/bullmq", () => {
  expect(Object.keys(queues).sort()).toEqual(["RemoteWorker", "bullmq", "remote", "worker"]);
});

it("exports only documented names from dagwright/testing", () => {
  expect(Object.keys(kit).sort()).toEqual([
    "assertSameResults",
    "crashAtEveryWrite",
    "explore",
    "matchers",
    "mock",
    "recordedRun",
    "runNode",
    "virtualTime",
  ]);
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

const OTEL = ["@opentelemetry/api", "@opentelemetry/api-logs"];
const PEERS = [...OTEL, "@resvg/resvg-js", "@viz-js/viz", "bullmq", "ioredis", "libsql", "pg"];

it("depends on piscina, and has database drivers, BullMQ, what draws pictures and OpenTelemetry as optional peers", () => {
  expect(manifest).toMatchObject({
    dependencies: { piscina: expect.any(String) },
    peerDependencies: Object.fromEntries(PEERS.map((name) => [name, expect.any(String)])),
    peerDependenciesMeta: Object.fromEntries(PEERS.map((name) => [name, { optional: true }])),
  });
  expect(manifest).not.toHaveProperty("optionalDependencies");
});
