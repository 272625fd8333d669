import type { Backend, Dag, RunStore } from "dagwright";
import type { BullmqConnection } from "dagwright/bullmq";
import { backendContract } from "../contracts/backend.contract.js";
import { functionsContract } from "../contracts/backend-functions.contract.js";
import { remoteContextContract } from "../contracts/remote-context.contract.js";
import { placedOn } from "./placed.js";
import { remoteContexts } from "./remote-workflows.js";
import { queueName, useRemote, useWorker } from "./remoted.js";
import { common, failing, members, plain } from "./threaded.js";

/** All that holds for every backend, for nodes that a worker in this process executes. */
export function remoteContracts(connection: BullmqConnection, store: RunStore): Backend {
  const queue = queueName();
  const backend = useRemote({ connection, queue });
  const workflows = [common, plain, failing, members, remoteContexts];
  useWorker({ connection, queue, workflows, concurrency: 8, store });
  const options = { mode: "hybrid", store } as const;
  const placed = <D extends Dag<any>>(dag: D) => placedOn(dag, () => backend);
  backendContract({ backend: queue, options, dag: placed(common), failure: { name: "RangeError", message: "no" } });
  functionsContract({ backend: queue, options, placed }, ["get", "has", "results", "run"]);
  remoteContextContract(queue, options, placed(remoteContexts));
  return backend;
}
