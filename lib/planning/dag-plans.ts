import type { DefinedDag } from "../definition/defined.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import { withoutNumber } from "../definition/specs/original-names.js";
import { planDag } from "./build-plan.js";
import type { DagPlan } from "./plan.js";
import type { Planning } from "./validity.js";

const NONE: ReadonlySet<string> = new Set();
/** As many as a few inputs that may be left out come to. */
const MOST_PLANS = 16;

/**
 * The plans of a definition as it is now. There is one, but where a parameter's name may be a compiler's: there the names
 * of a run's inputs decide what the parameter is, and each choice of them has a plan of its own, of which some are kept.
 */
export class DagPlans {
  private plain: Planning<DagPlan> | undefined;
  private readonly byNames = new Map<string, Planning<DagPlan>>();
  private readonly doubtful = new Set<string>();

  constructor(private readonly definition: DefinedDag) {
    for (const spec of definition.nodes.values()) for (const name of doubtfulIn(spec)) this.doubtful.add(name);
  }

  /** The plan of a run with these inputs. */
  of(inputs: Readonly<Record<string, unknown>> | undefined): Planning<DagPlan> {
    if (this.doubtful.size > 0 && inputs !== undefined) {
      const given = Object.keys(inputs).filter((name) => this.doubtful.has(name));
      if (given.length > 0) return this.ofNames(given.sort());
    }
    return (this.plain ??= planDag(this.definition, NONE));
  }

  private ofNames(given: readonly string[]): Planning<DagPlan> {
    const names = JSON.stringify(given);
    let planning = this.byNames.get(names);
    if (planning === undefined) {
      planning = planDag(this.definition, new Set(given));
      if (this.byNames.size === MOST_PLANS) this.byNames.delete(this.byNames.keys().next().value as string);
      this.byNames.set(names, planning);
    }
    return planning;
  }
}

/** The names that change what a parameter is when they are inputs of the run. */
function* doubtfulIn({ signature: { contextName, numbered = [] } }: NodeSpec): Generator<string> {
  if (contextName !== undefined) yield contextName;
  for (const name of numbered) {
    if (name === undefined) continue;
    const originals = Array.from(withoutNumber(name));
    if (originals.length > 0) yield* [name, ...originals];
  }
}
