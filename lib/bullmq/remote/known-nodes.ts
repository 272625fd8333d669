import { show } from "../../base/check.js";
import { ValidationError } from "../../base/errors.js";
import type { Dag } from "../../dag/dag.js";
import type { ChildWorkflow, DefinedDag } from "../../definition/defined.js";
import { resolveWorkflow } from "../../definition/subworkflow.js";
import type { NodeFunction, NodeSpec } from "../../definition/specs/node-spec.js";
import { codeOf, differenceOf, type NodeJob } from "./wire.js";

/** How many runs have an instance here at a time; the oldest are dropped. */
const MOST_INSTANCES = 16;

/** A node's function, and its `this`. */
export interface Callable {
  readonly spec: NodeSpec;
  readonly fn: NodeFunction;
  readonly self: unknown;
}

/** The nodes that a worker can execute: those of its workflows, and of the workflows inside. */
export class KnownNodes {
  private readonly dags = new Map<string, DefinedDag>();
  /** By workflow and run, the latest last. */
  private readonly instances = new Map<string, object>();

  /**
   * @throws {InvalidNodeError} INVALID_NODE for what is no workflow; {ValidationError} VALIDATION when several have the same
   *   name
   */
  constructor(workflows: readonly object[]) {
    const seen = new Set<ChildWorkflow>();
    const add = (workflow: ChildWorkflow) => {
      if (seen.has(workflow)) return;
      seen.add(workflow);
      const { name, kind } = workflow;
      if (kind === "dag") {
        if (this.dags.has(name)) {
          throw new ValidationError(`The worker has two workflows named ${show(name)}. Give one another name.`);
        }
        this.dags.set(name, workflow as DefinedDag);
      }
      for (const { workflow: inside } of workflow.subworkflows.values()) add(inside);
    };
    for (const [i, workflow] of workflows.entries()) add(resolveWorkflow(workflow, `"workflows[${i}]"`));
  }

  get names(): string[] {
    return Array.from(this.dags.keys());
  }

  /** The function of a job, or why this code can't execute it. */
  callable(job: NodeJob): Callable | string {
    const { workflow, node, code, runId } = job;
    const dag = this.dags.get(workflow);
    if (dag === undefined) return `the worker does not have workflow ${show(workflow)}`;
    const label = `node ${show(node)} of ${show(workflow)}`;
    const spec = dag.nodes.get(node);
    if (spec === undefined) return `the worker does not have ${label}`;
    const difference = differenceOf(code, codeOf(spec));
    if (difference !== undefined) return `the worker has another ${label}: ${difference}`;
    const { method, isReplaced, fn, self } = spec;
    if (method === undefined || isReplaced === true) return { spec, fn, self };
    const instance = this.instanceFor(dag, runId);
    const own = instance === undefined ? undefined : (Reflect.get(instance, method) as unknown);
    return typeof own === "function" ? { spec, fn: own as NodeFunction, self: instance } : { spec, fn, self };
  }

  /** The instance of a run: a new one if the workflow is a class, as on worker threads. */
  private instanceFor(dag: DefinedDag, runId: string): object | undefined {
    const { instance } = dag as Dag<any>;
    if (instance === undefined || instance.isGiven) return undefined;
    const key = JSON.stringify([dag.name, runId]);
    let own = this.instances.get(key);
    if (own === undefined) {
      own = new (instance.object.constructor as new () => object)();
      this.instances.set(key, own);
      if (this.instances.size > MOST_INSTANCES) this.instances.delete(this.instances.keys().next().value as string);
    }
    return own;
  }
}
