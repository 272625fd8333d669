import { afterAll } from "vitest";
import { ThreadPool, type Dag } from "dagwright";
import { contextContract } from "../contracts/backend-context.contract.js";
import { functionsContract } from "../contracts/backend-functions.contract.js";
import { backendContract, type BackendSubject } from "../contracts/backend.contract.js";
import { placedOn } from "../support/placed.js";
import { common } from "../support/threaded.js";
import { UserBackend } from "../support/user-backend.js";

const pool = new ThreadPool({ maxWorkers: 2 });
afterAll(() => pool.close());
const queue = new UserBackend("queue", 3);
const asIs = <D extends Dag<any>>(dag: D) => dag;

const subjects: readonly (readonly [BackendSubject, number])[] = [
  [{ backend: "inline", options: { mode: "async" }, placed: asIs }, Infinity],
  [{ backend: "thread", options: { mode: "parallel", pool }, placed: asIs }, 2],
  [{ backend: "queue", options: { mode: "hybrid" }, placed: (dag) => placedOn(dag, () => queue) }, 3],
];

for (const [subject, limit] of subjects) {
  const { backend, options, placed } = subject;
  backendContract({ backend, options, dag: placed(common), failure: { name: "RangeError", message: "no" } });
  functionsContract(subject, backend === "thread" ? ["run"] : []);
  contextContract(subject, limit);
}
