import type { DefinedDag } from "../definition/defined.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import { withoutNumber } from "../definition/specs/original-names.js";
import { planDag } from "./build-plan.js";
import type { DagPlan } from "./plan.js";
import type { Planning } from "./validity.js";

/** Enough for all choices of four optional inputs. */
const MAX_PLANS = 16;

const NO_NAMES: readonly string[] = Object.freeze([]);

/**
 * The plans of a definition in its current state. Usually there is one. If a compiler may have renamed parameters, the
 * names of a run's inputs decide their bindings, and each set of names has its own plan. Declared inputs count as given.
 * Only some of these plans are cached.
 */
export class DagPlans {
  private plain: Planning<DagPlan> | undefined;
  private readonly byNames = new Map<string, Planning<DagPlan>>();
  private readonly ambiguous = new Set<string>();
  private readonly declared: ReadonlySet<string>;

  /** @param way - see {@link planDag} */
  constructor(
    private readonly definition: DefinedDag,
    private readonly way: readonly string[] | undefined,
  ) {
    this.declared = new Set(definition.declaredInputs?.keys());
    for (const spec of definition.nodes.values()) for (const name of ambiguousIn(spec)) this.ambiguous.add(name);
  }

  /** The plan for a run with these inputs. */
  of(inputs: Readonly<Record<string, unknown>> | undefined): Planning<DagPlan> {
    const given = this.ambiguous.size > 0 && inputs !== undefined ? this.ambiguousIn(inputs) : NO_NAMES;
    if (given.length > 0) return this.ofNames(given);
    return (this.plain ??= planDag(this.definition, this.declared, this.way));
  }

  private ambiguousIn(inputs: Readonly<Record<string, unknown>>): readonly string[] {
    const given = Object.keys(inputs).filter((name) => this.ambiguous.has(name));
    return given.sort();
  }

  private ofNames(given: readonly string[]): Planning<DagPlan> {
    const names = JSON.stringify(given);
    let planning = this.byNames.get(names);
    if (planning === undefined) {
      planning = planDag(this.definition, new Set([...this.declared, ...given]), this.way);
      if (this.byNames.size === MAX_PLANS) this.byNames.delete(this.byNames.keys().next().value as string);
      this.byNames.set(names, planning);
    }
    return planning;
  }
}

/** The names of inputs that change a parameter's binding. */
function* ambiguousIn({ signature: { contextName, numbered = [] } }: NodeSpec): Generator<string> {
  if (contextName !== undefined) yield contextName;
  for (const name of numbered) {
    if (name === undefined) continue;
    const originals = Array.from(withoutNumber(name));
    if (originals.length > 0) yield* [name, ...originals];
  }
}
