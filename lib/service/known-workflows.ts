import { show } from "../base/check.js";
import { ValidationError } from "../base/errors.js";
import { suggestion } from "../base/nearest.js";
import { isModuleBody, neverInWorker } from "../definition/origin/worker-scope.js";
import { resolveWorkflow } from "../definition/subworkflow.js";
import type { Workflow } from "../engine/workflow.js";
import type { ServedWorkflow } from "../stores/queue/queue.js";
import type { WorkflowKind } from "../stores/store.js";
import type { WorkflowRef } from "./workflow-types.js";

export type AnyWorkflow = Workflow<any> & { readonly kind: WorkflowKind };

/** The workflow of a class, an instance, a dag or an fsm. @throws {InvalidNodeError} INVALID_NODE when it is none */
export function workflowOf(source: object): AnyWorkflow {
  return resolveWorkflow(source) as AnyWorkflow;
}

/** The workflows of a service or a client, by name. */
export class KnownWorkflows {
  private readonly current = new Map<string, AnyWorkflow>();
  private readonly names = new Set<string>();
  private readonly versions: AnyWorkflow[] = [];

  /**
   * @param owner - what has them, for messages
   * @param refs - undefined to take any workflow
   * @throws {ValidationError} VALIDATION when several have the same name
   */
  constructor(
    readonly owner: "service" | "client",
    private readonly refs: readonly WorkflowRef[] | undefined,
  ) {
    for (const ref of refs ?? []) {
      const workflow = typeof ref === "string" ? undefined : workflowOf(ref);
      const name = workflow?.name ?? (ref as string);
      if (this.names.has(name) && this.current.get(name) !== workflow) {
        throw new ValidationError(
          `The ${owner} has two workflows named ${show(name)}. Give one another name, or list an older one among "versions".`,
        );
      }
      this.names.add(name);
      if (workflow !== undefined) this.current.set(name, workflow);
    }
  }

  /** Adds an earlier version of a workflow. @throws {ValidationError} VALIDATION when there is no current one */
  addVersion(source: object): void {
    const version = workflowOf(source);
    const { name, kind } = version;
    if (this.current.get(name)?.kind !== kind) {
      const list = Array.from(this.names, show).join(", ");
      throw new ValidationError(
        `"versions" has the ${kind} ${show(name)}, of which the ${this.owner} has no current version. A version has the name of its workflow: from(Class, { name }). Workflows are: ${list}.`,
      );
    }
    this.versions.push(version);
  }

  /** In a module that a worker thread imports for its nodes: a promise that never settles. */
  get never(): Promise<never> | undefined {
    if (!isModuleBody()) return undefined;
    for (const workflow of [...this.current.values(), ...this.versions]) void neverInWorker(workflow);
    return new Promise(() => {});
  }

  /** The names of all that it drives. */
  get served(): string[] {
    return Array.from(this.current.keys());
  }

  /** What a service drives. @throws {ValidationError} when a workflow is not valid */
  get structures(): ServedWorkflow[] {
    return Array.from(this.current.values(), ({ name, kind }) => {
      const structures = Array.from(this.versionsOf(name), (workflow) => workflow.structures).flat();
      return { name, kind, structures: Array.from(new Set(structures)) };
    });
  }

  /** The version of a workflow that has a structure; the current one if the structure is not known. */
  withStructure(name: string, structure: string | undefined): AnyWorkflow | undefined {
    if (structure === undefined) return this.current.get(name);
    return Array.from(this.versionsOf(name)).find(({ structures }) => structures.includes(structure));
  }

  /** The current workflow of a name, if it is known by more than that. */
  get(name: string): AnyWorkflow | undefined {
    return this.current.get(name);
  }

  /** What is submitted. @throws {ValidationError} VALIDATION when it is not among the workflows */
  resolve(ref: WorkflowRef): { readonly name: string; readonly workflow: AnyWorkflow | undefined } {
    const given = typeof ref === "string" ? undefined : workflowOf(ref);
    const name = given?.name ?? (ref as string);
    const known = this.current.get(name);
    if (this.refs === undefined) return { name, workflow: given };
    if (!this.names.has(name)) {
      const list = Array.from(this.names, show).join(", ");
      const hint = suggestion(name, this.names) || ` Its workflows are: ${list}.`;
      throw new ValidationError(`The ${this.owner} has no workflow ${show(name)}.${hint}`);
    }
    if (given === undefined || known === undefined || known === given) return { name, workflow: given ?? known };
    const structures = Array.from(this.versionsOf(name), (version) => version.structures).flat();
    if (given.structures.every((structure) => structures.includes(structure))) return { name, workflow: given };
    throw new ValidationError(
      `The ${this.owner} has another workflow named ${show(name)} than the given one. Pass the one that it was made with, or the name.`,
    );
  }

  private *versionsOf(name: string): Generator<AnyWorkflow> {
    const current = this.current.get(name);
    if (current !== undefined) yield current;
    for (const version of this.versions) if (version.name === name) yield version;
  }
}
