import { expect, it } from "vitest";
import { Dag, type DagwrightError } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { spawnSync } from "node:child_process";
import { inspect } from "node:util";
import { errorCodes } from "./support/error-codes.js";
import { anchorsOf, headingsOf, PAGES, ROOT, type Page } from "./support/pages.js";
import { tsx } from "./support/scripts.js";

const page = PAGES.find(({ path }) => path === "docs/errors.md") as Page;

it("Every code of an error has a heading in docs/errors.md, and no other is there", () => {
  const documented = headingsOf(page).filter((heading) => /^[A-Z_]+$/u.test(heading));
  expect(documented.sort()).toEqual(errorCodes());
});

it("The `docs` of an error is the address of its code's heading", async () => {
  const dag = new Dag("late");
  dag.node("sleep", { timeout: 1 }, () => new Promise(() => {}));
  const error = await dag.run().catch((error: unknown) => error);
  expect(error).toMatchObject({ code: "NODE_TIMEOUT" });
  const { docs } = error as DagwrightError;
  const [address, anchor] = docs.split("#");
  expect(address.endsWith(`/blob/main/${page.path}`)).toBe(true);
  expect(anchorsOf(page)).toContain(anchor);
});

it("An error shows its `docs` when it is printed, in JSON, and when nobody caught it", async () => {
  const dag = new Dag("loop");
  dag.node("a", { needs: ["b"] }, (b: unknown) => b);
  dag.node("b", { needs: ["a"] }, (a: unknown) => a);
  const error: unknown = await dag.run().catch((error: unknown) => error);
  const { docs } = error as DagwrightError;
  expect(docs).toMatch(/#cycle$/u);
  expect(inspect(error)).toContain(`docs: '${docs}'`);
  expect(JSON.parse(JSON.stringify({ ...(error as object) }))).toMatchObject({ code: "CYCLE", docs });
  const script = `import { Dag } from "dagwright"; new Dag("empty name").node("");`;
  const { status, stderr } = spawnSync(process.execPath, [tsx, "--eval", script], { cwd: ROOT, encoding: "utf8" });
  expect(stderr).toContain("docs: 'https://github.com/dagwright/dagwright/blob/main/docs/errors.md#invalid_node'");
  expect(status).toBe(1);
});

it("The `docs` of an error that a node failed with is in the store", async () => {
  await using store = sqliteStore(":memory:");
  const dag = new Dag("late");
  dag.node("sleep", { timeout: 1 }, () => new Promise(() => {}));
  await expect(dag.run({ store, runId: "late-1" })).rejects.toMatchObject({ code: "NODE_TIMEOUT" });
  const { nodes } = (await store.getRun("late-1"))!;
  expect(nodes.get("sleep")?.error).toMatchObject({
    code: "NODE_TIMEOUT",
    docs: expect.stringMatching(/#node_timeout$/u),
  });
});
