import { show } from "../base/check.js";
import { ValidationError } from "../base/errors.js";
import { Workflow } from "./workflow.js";

/** Workflows by name, for code that gets the name from outside, such as a command line or a service. */
export class WorkflowRegistry {
  private readonly workflows = new Map<string, Workflow<any>>();

  /**
   * Adds workflows by their names. Adding one again changes nothing.
   * @throws {TypeError} for anything but a dag or an fsm; {ValidationError} VALIDATION for a name that another workflow
   *   has
   */
  add(...workflows: readonly Workflow<any>[]): this {
    for (const workflow of workflows) this.addOne(workflow);
    return this;
  }

  private addOne(workflow: Workflow<any>): void {
    if (!(workflow instanceof Workflow)) {
      throw new TypeError(`A registry takes dags and fsms, such as Dag.from(Class); received ${show(workflow)}.`);
    }
    const known = this.workflows.get(workflow.name);
    if (known !== undefined && known !== workflow) {
      throw new ValidationError(
        `The registry already has a workflow "${workflow.name}". Give one of them another name: from(Class, { name }).`,
      );
    }
    this.workflows.set(workflow.name, workflow);
  }

  /** The workflow of a name; undefined if there is none. */
  get(name: string): Workflow<any> | undefined {
    return this.workflows.get(name);
  }

  /** The names, in order of addition. */
  get names(): string[] {
    return Array.from(this.workflows.keys());
  }
}
