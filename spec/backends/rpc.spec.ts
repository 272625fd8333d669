import { afterAll, describe, expect, it } from "vitest";
import { Dag } from "dagwright";
import { rpc, serveNodes } from "dagwright/backends";
import { functionsContract } from "../contracts/backend-functions.contract.js";
import { backendContract } from "../contracts/backend.contract.js";
import { placedOn } from "../support/placed.js";
import { repertoire } from "../support/repertoire.js";
import { common, failing, members, plain } from "../support/threaded.js";

const servers = await Promise.all([plain, failing, common, members].map((dag) => serveNodes(dag)));
afterAll(() => Promise.all(servers.map((server) => server.close())));
const urlOf = (dag: Dag<any>) => `${servers[[plain, failing, common, members].indexOf(dag)].url}/${dag.name}`;
const served = <D extends Dag<any>>(dag: D) => placedOn(dag, (node) => rpc(urlOf(dag), { node }));

const on = (node: string) => rpc(urlOf(common), { node });
backendContract({
  backend: "rpc",
  options: { mode: "hybrid" },
  dag: repertoire(new Dag("caller"), { echo: on("echo"), fails: on("fails"), hangs: on("hangs") }),
  failure: { name: "RangeError", message: "no" },
});
functionsContract({ backend: "rpc", options: { mode: "hybrid" }, placed: served });

describe("The context of a node that serveNodes calls", () => {
  it("has what the call says, and refuses the rest by name", async () => {
    const run = await served(members).run({ inputs: { value: "prüfen" }, metadata: { tenant: "a b%" } });
    const { runId } = run;
    const told = run.get("tell") as Record<string, unknown>;
    expect(told).toMatchObject({ runId, workflow: "members", nodeName: "tell", attempt: 1, signal: false });
    expect(told).toMatchObject({
      idempotencyKey: `${runId}/tell`,
      inputs: { value: "prüfen" },
      metadata: { tenant: "a b%" },
    });
    for (const member of ["progress", "log", "get", "has", "results", "run", "metrics"]) {
      expect(told[member]).toContain(
        `TypeError: Node "tell" runs on the backend "rpc", where its context has no ${member}. `,
      );
    }
  });
});
