import { checkNonEmptyString, label, show } from "../base/check.js";
import { ValidationError } from "../base/errors.js";
import { suggestion } from "../base/nearest.js";
import { isModuleBody, neverInWorker } from "../definition/origin/worker-scope.js";
import { resolveWorkflow } from "../definition/subworkflow.js";
import type { Workflow } from "../engine/workflow.js";
import { changeText, structureChange, type Structure } from "../planning/structure.js";
import type { ServedWorkflow } from "../stores/queue/queue.js";
import type { WorkflowKind } from "../stores/store.js";
import type { WorkflowRef } from "./workflow-types.js";

export type AnyWorkflow = Workflow<any> & { readonly kind: WorkflowKind };

/**
 * The workflow of a class, an instance, a dag or an fsm; undefined for a name.
 * Warns of a name that looks minified.
 * @param option - what it was given as
 * @throws {InvalidNodeError} INVALID_NODE when it is none; {RangeError} for an empty name
 */
function workflowIn(option: string, ref: WorkflowRef): AnyWorkflow | undefined {
  if (typeof ref === "string") {
    checkNonEmptyString(option, ref);
    return undefined;
  }
  const workflow = resolveWorkflow(ref, label(option)) as AnyWorkflow;
  workflow.warnOfClassName();
  return workflow;
}

/** What a reference stands for: a workflow, or its name if no more is known. */
interface Resolved {
  readonly name: string;
  readonly workflow: AnyWorkflow | undefined;
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
    for (const [i, ref] of refs?.entries() ?? []) {
      const workflow = workflowIn(`workflows[${i}]`, ref);
      const name = workflow?.name ?? (ref as string);
      if (this.names.has(name) && this.current.get(name) !== workflow) {
        const remedy = owner === "service" ? `list an older one among "versions"` : "leave one out";
        throw new ValidationError(
          `The ${owner} has two workflows named ${show(name)}. Give one another name, or ${remedy}.`,
        );
      }
      this.names.add(name);
      if (workflow !== undefined) this.current.set(name, workflow);
    }
  }

  /**
   * Adds earlier versions of these workflows.
   * @throws {InvalidNodeError} INVALID_NODE for what is no workflow; {ValidationError} VALIDATION when there is no current
   *   one
   */
  addVersions(sources: readonly object[]): void {
    for (const [i, source] of sources.entries()) {
      const version = workflowIn(`versions[${i}]`, source) as AnyWorkflow;
      const { name, kind } = version;
      if (this.current.get(name)?.kind !== kind) {
        throw new ValidationError(
          `"versions" has the ${kind} ${show(name)}, of which the ${this.owner} has no current version. A version has the name of its workflow: from(Class, { name }). Workflows are: ${this.list}.`,
        );
      }
      this.versions.push(version);
    }
  }

  /** @throws {ValidationError} VALIDATION for a name in an option that is that of no workflow */
  requireNames(option: string, names: readonly string[]): void {
    const wrong = names.find((name) => !this.names.has(name));
    if (wrong === undefined) return;
    throw new ValidationError(
      `${label(option)} names ${show(wrong)}, which is no workflow of the ${this.owner}.${this.hintFor(wrong)}`,
    );
  }

  /** In a module that a worker thread imports for its nodes: a promise that never settles. */
  get never(): Promise<never> | undefined {
    if (!isModuleBody()) return undefined;
    for (const workflow of [...this.current.values(), ...this.versions]) void neverInWorker(workflow);
    return new Promise(() => {});
  }

  /** The names of all that it lists; undefined for any workflow. */
  get listed(): string[] | undefined {
    return this.refs && Array.from(this.names);
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

  /**
   * The version of a workflow that a run has.
   * @throws {ValidationError} VALIDATION when it is not known, saying what has changed since
   */
  versionOf(runId: string, name: string, structure: string | undefined): AnyWorkflow {
    const version = this.withStructure(name, structure);
    if (version !== undefined) return version;
    const current = this.current.get(name);
    if (current === undefined || structure === undefined) {
      throw new ValidationError(
        `The nodes of run ${show(runId)} are not known to the ${this.owner}. List the class of ${show(name)} among "workflows".`,
      );
    }
    const change = structureChange(JSON.parse(structure) as Structure, JSON.parse(current.structures[0]) as Structure);
    const remedy =
      this.owner === "service" ? `List that version among "versions"` : "Use a client that has that version";
    throw new ValidationError(
      `Workflow ${show(name)} has changed since run ${show(runId)} was recorded: ${change === undefined ? "it is wired otherwise" : changeText(change)}. ${remedy}.`,
    );
  }

  /**
   * What is submitted: the current version of a workflow, or another one that is given.
   * @throws {ValidationError} VALIDATION when it is not among the workflows and their versions, or an earlier version whose
   *   runs the current one would drive; {InvalidNodeError} for what is no workflow
   */
  resolve(ref: WorkflowRef): Resolved {
    const given = workflowIn("workflow", ref);
    const name = given?.name ?? (ref as string);
    const known = this.current.get(name);
    if (this.refs === undefined) return { name, workflow: given };
    if (!this.names.has(name)) {
      throw new ValidationError(`The ${this.owner} has no workflow ${show(name)}.${this.hintFor(name)}`);
    }
    if (given === undefined || known === undefined || known === given) return { name, workflow: given ?? known };
    const version = this.versionLike(given);
    if (version === undefined) {
      const remedy = this.owner === "service" ? `, list it among "versions", or pass the name` : ", or the name";
      throw new ValidationError(
        `The ${this.owner} has another workflow named ${show(name)} than the given one. Pass the one that it was made with${remedy}.`,
      );
    }
    if (version === known && this.versions.includes(given)) {
      throw new ValidationError(
        `The given version of ${show(name)} has the same structure as the current one, which drives its runs. Pass the current one.`,
      );
    }
    return { name, workflow: given };
  }

  /**
   * What is scheduled.
   * @throws {ValidationError} VALIDATION as {@link KnownWorkflows.resolve}, and for an earlier version
   */
  resolveCurrent(ref: WorkflowRef): Resolved {
    const found = this.resolve(ref);
    const { name, workflow } = found;
    const known = this.current.get(name);
    if (known === undefined || workflow === undefined || workflow === known) return found;
    if (this.versionLike(workflow) === known) return found;
    throw new ValidationError(
      `The runs of a schedule are of the current version of ${show(name)}, and the given one is an earlier one. Pass the current one, or the name.`,
    );
  }

  /** The version that has the structure of a workflow. */
  private versionLike({ name, structures }: AnyWorkflow): AnyWorkflow | undefined {
    return Array.from(this.versionsOf(name)).find((version) =>
      structures.every((structure) => version.structures.includes(structure)),
    );
  }

  private hintFor(name: string): string {
    return suggestion(name, this.names) || ` Its workflows are: ${this.list}.`;
  }

  private get list(): string {
    return Array.from(this.names, show).join(", ");
  }

  private *versionsOf(name: string): Generator<AnyWorkflow> {
    const current = this.current.get(name);
    if (current !== undefined) yield current;
    for (const version of this.versions) if (version.name === name) yield version;
  }
}
