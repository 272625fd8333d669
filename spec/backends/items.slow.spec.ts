import { afterAll, describe, expect, it } from "vitest";
import { BackendError, Dag, type Backend } from "dagwright";
import { rpc, serveNodes, wasm } from "dagwright/backends";
import { moduleFile } from "../support/modules.js";
import { failure } from "../support/waiting.js";

const served = new Dag("served");
served.node("late", () => new Promise(() => {}));
const server = await serveNodes(served);
const backends: Record<string, Backend> = {
  "a server": rpc(`${server.url}/served`, { node: "late", timeout: 30 }),
  "a sandbox": wasm(moduleFile("buffers"), { export: "fails", timeout: 10_000 }),
  "a backend of the user's": {
    name: "broken",
    run: ({ site }) => {
      throw new BackendError("It is broken.", site);
    },
  },
};
afterAll(async () => {
  for (const backend of Object.values(backends)) await backend.close?.();
  await server.close();
});

describe("An item of a map that fails on", () => {
  it.each(Object.keys(backends))("%s is named by the error of each attempt", async (name) => {
    const dag = new Dag<any>("maps");
    dag.node("list", () => new Map([["a b", 1]]));
    const options = { backend: backends[name], retry: { retries: 1, delay: 0 }, needs: ["list"], params: ["value"] };
    dag.map("each", options);
    const error = await failure(dag.run({ mode: "hybrid" }));
    const site = { runId: error.runId, node: "each", item: "each[a b]" };
    expect(error).toMatchObject(site);
    expect(error.errors).toMatchObject([
      { ...site, attempt: 1 },
      { ...site, attempt: 2 },
    ]);
  });
});
