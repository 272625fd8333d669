import type { Backend, Dag, RunStore } from "dagwright";
import { backendContract } from "../contracts/backend.contract.js";
import { functionsContract } from "../contracts/backend-functions.contract.js";
import { remoteContextContract } from "../contracts/remote-context.contract.js";
import { placedOn } from "./placed.js";
import { remoteContexts } from "./remote-workflows.js";
import { type Broker, queueName, useRemote, useWorker } from "./remoted.js";
import { common, failing, members, plain } from "./threaded.js";

/** All that holds for every backend, for nodes that a worker in this process executes. */
export function remoteContracts(broker: Broker, store: RunStore): Backend {
  const queue = queueName();
  const backend = useRemote({ ...broker, queue });
  const workflows = [common, plain, failing, members, remoteContexts];
  useWorker({ ...broker, queue, workflows, concurrency: 8, store });
  const options = { mode: "hybrid", store } as const;
  const placed = <D extends Dag<any>>(dag: D) => placedOn(dag, () => backend);
  backendContract({ backend: queue, options, dag: placed(common), failure: { name: "RangeError", message: "no" } });
  functionsContract({ backend: queue, options, placed }, ["get", "has", "results", "run"]);
  remoteContextContract(queue, options, placed(remoteContexts));
  return backend;
}
