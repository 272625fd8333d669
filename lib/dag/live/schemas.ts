import type { DeclaredInputs } from "../../definition/specs/input-schemas.js";
import { checkInputs } from "../../planning/declared-inputs.js";
import { acceptDagInputs } from "../../planning/inputs.js";
import type { DagPlan } from "../../planning/plan.js";

type Inputs = Readonly<Record<string, unknown>>;

/**
 * The inputs of a live dag after a change, as parsed by their schemas. An undefined input takes its default.
 * @param given - those that change
 * @param present - the others, which have been checked
 * @throws {ValidationError} | {MissingInputError} naming all inputs that are unknown, invalid or missing
 * @throws {TypeError} for an asynchronous schema
 */
export function acceptChange(plan: DagPlan, declared: DeclaredInputs, given: Inputs, present: Inputs): Inputs {
  const changing = new Map(
    Array.from(declared).filter(([name]) => Object.hasOwn(given, name) || !Object.hasOwn(present, name)),
  );
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const checked = checkInputs(changing, set, { sync: false });
  if (checked instanceof Promise) {
    throw new TypeError(
      `A live dag of "${plan.workflow}" can't have asynchronous schemas of inputs, since set returns at once. ` +
        `Check the values before you set them.`,
    );
  }
  const kept = Object.fromEntries(Object.entries(present).filter(([name]) => !Object.hasOwn(given, name)));
  const values = { ...kept, ...checked.values };
  acceptDagInputs(plan, { declared, given: set, checked: { ...checked, values } }, () => true);
  return values;
}
