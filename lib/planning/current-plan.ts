import type { ChildWorkflow, Planned, Surface } from "../definition/defined.js";
import { nestingOf, wayToItself } from "../definition/nesting.js";

const NO_VERSIONS: readonly undefined[] = Object.freeze([]);

/** What is made of a definition. */
interface Made<P> {
  readonly plan: P;
  readonly revision: number;
  /** The versions of the plans of workflows inside; undefined if it contains itself, and is never current. */
  readonly inner: readonly (object | undefined)[] | undefined;
  /** See {@link Planned.levels}. */
  readonly levels: number;
  surface: Surface | undefined;
}

/** A workflow inside, as it was when the plan was current. */
interface Seen {
  readonly workflow: ChildWorkflow;
  readonly revision: number;
  readonly version: object | undefined;
}

/**
 * The plan of a workflow, which is made anew when its definition has changed, or the plan of a workflow inside.
 *
 * Workflows inside are planned before those that contain them, each once, without recursion. Finding out that nothing
 * has changed takes one look at each workflow inside.
 */
export class CurrentPlan<P extends object> implements Planned {
  private made: Made<P> | undefined;
  /** The workflows inside, at any depth; undefined if one contains itself, or may yet be found. */
  private seen: readonly Seen[] | undefined;

  /**
   * @param plan - makes the plan; `way` leads from the workflow back to itself, if it contains itself
   * @param surfaceOf - what others see of a plan
   */
  constructor(
    private readonly workflow: ChildWorkflow,
    private readonly plan: (way: readonly string[] | undefined) => P,
    private readonly surfaceOf: (plan: P) => Surface,
  ) {}

  /** The plan of the definition as it is now. */
  get now(): P {
    this.update();
    return this.latest;
  }

  /** The plan as it was last made, for runs inside of another one: that one has made sure that it is current. */
  get latest(): P {
    if (this.made === undefined) this.update();
    return (this.made as Made<P>).plan;
  }

  update(): void {
    const { workflow } = this;
    if (workflow.subworkflows.size === 0) return this.make();
    if (this.isCurrent) return;
    const { inside, cyclic, isComplete } = nestingOf(workflow);
    for (const inner of inside) {
      if (cyclic.has(inner)) inner.planned.forget();
      else inner.planned.refresh();
    }
    if (cyclic.has(workflow)) this.made = this.makeCyclic();
    else this.make();
    const newSeen = (inner: ChildWorkflow) => ({
      workflow: inner,
      revision: inner.revision,
      version: inner.planned.version,
    });
    this.seen = isComplete && cyclic.size === 0 ? inside.map(newSeen) : undefined;
  }

  /** Whether nothing has changed, neither here nor inside. */
  private get isCurrent(): boolean {
    const { made, seen } = this;
    if (made === undefined || seen === undefined || made.revision !== this.workflow.revision) return false;
    for (const { workflow, revision, version } of seen) {
      if (workflow.revision !== revision || workflow.planned.version !== version) return false;
    }
    return true;
  }

  refresh(): void {
    this.make();
    const made = this.made as Made<P>;
    made.surface ??= this.surfaceOf(made.plan);
  }

  private make(): void {
    const { workflow, made } = this;
    const { revision } = workflow;
    const inner = versionsIn(workflow);
    if (made?.revision === revision && isSame(made.inner, inner)) return;
    this.made = { plan: this.plan(undefined), revision, inner, levels: levelsIn(workflow), surface: undefined };
  }

  forget(): void {
    this.made = undefined;
  }

  get levels(): number {
    return this.made?.levels ?? 0;
  }

  get version(): object | undefined {
    return this.made;
  }

  get surface(): Surface {
    this.made ??= this.makeCyclic();
    return (this.made.surface ??= this.surfaceOf(this.made.plan));
  }

  private makeCyclic(): Made<P> {
    const plan = this.plan(wayToItself(this.workflow));
    return { plan, revision: this.workflow.revision, inner: undefined, levels: 0, surface: undefined };
  }
}

function versionsIn({ subworkflows }: ChildWorkflow): readonly (object | undefined)[] {
  if (subworkflows.size === 0) return NO_VERSIONS;
  return Array.from(subworkflows.values(), (subworkflow) => {
    try {
      return subworkflow.workflow.planned.version;
    } catch {
      return undefined; // Its source is no workflow, which is an error of the plan.
    }
  });
}

function levelsIn({ subworkflows }: ChildWorkflow): number {
  let inside = 0;
  for (const subworkflow of subworkflows.values()) {
    try {
      inside = Math.max(inside, subworkflow.workflow.planned.levels);
    } catch {
      // Its source is no workflow, which is an error of the plan.
    }
  }
  return inside + 1;
}

function isSame(before: Made<unknown>["inner"], now: readonly unknown[]): boolean {
  if (before === undefined) return false;
  return before === now || (before.length === now.length && before.every((version, k) => version === now[k]));
}
