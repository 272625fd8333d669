import { afterAll } from "vitest";
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
functionsContract({ backend: "rpc", options: { mode: "hybrid" }, placed: served }, [
  ...["progress", "log", "metrics", "get", "has", "results", "run"],
]);
