import { show } from "../base/check.js";
import { ValidationError } from "../base/errors.js";
import { asSentence, messageOf } from "../base/message.js";
import { hasFunction, type NodeSpec } from "../definition/specs/node-spec.js";
import { runsWorkflows } from "../definition/switch.js";
import { isGenerator } from "../planning/streams.js";
import { INLINE, type Place } from "../run/place.js";
import { routeOf, type Route, type Routing } from "./routing.js";

export const THREAD: Place = Object.freeze({ backend: "thread", reason: undefined });

/** Of a fork in mode `parallel`: inline is where it should run. */
const FORK: Place = Object.freeze({
  backend: "inline",
  reason: 'conditions and selects run inline unless their "backend" says otherwise',
});

/**
 * Where nodes should run, given their options and the mode.
 * @throws {ValidationError} VALIDATION for backends that there are not, and for nodes without a function that theirs
 *   can't execute; {TypeError} when a backend gives no answer
 */
export function wantedPlaces(specs: readonly NodeSpec[], mode: string, routing: Routing | undefined): Place[] {
  return specs.map((spec) => {
    const { kind, fn, needs, subworkflow, declared, options } = spec;
    const { backend } = options;
    if (subworkflow !== undefined || runsWorkflows(declared)) return INLINE;
    const route = routeOf(spec, routing);
    if (route !== undefined) return placeOn(route, spec);
    if (backend === undefined && (isGenerator(fn) || needs.some((need) => need.stream === true))) return INLINE;
    if (backend !== undefined) return backend === "thread" ? THREAD : INLINE;
    if (mode !== "parallel") return INLINE;
    return kind === "condition" || kind === "select" ? FORK : THREAD;
  });
}

/** Whether a node runs inline although it should not. */
export function isKeptInline(place: Place): boolean {
  return place.backend === "inline" && place.reason !== undefined && place !== FORK;
}

function placeOn({ name, backend }: Route, spec: NodeSpec): Place {
  const answer = answerOf({ name, backend }, spec);
  if (answer === true) return { backend: name, reason: undefined, on: backend };
  if (hasFunction(spec)) return { backend: "inline", reason: answer };
  throw new ValidationError(
    `Backend "${name}" can't execute node "${spec.name}": ${asSentence(answer)} Without a function, it can't run inline either. ` +
      `Give it another backend, or a function.`,
  );
}

function answerOf({ name, backend }: Route, spec: NodeSpec): true | string {
  if (backend.place === undefined) return true;
  let answer: unknown;
  try {
    answer = backend.place(spec);
  } catch (cause) {
    const message = `The "place" of backend "${name}" threw for node "${spec.name}": ${asSentence(messageOf(cause))} Correct it.`;
    throw new TypeError(message, { cause });
  }
  if (answer === true || (typeof answer === "string" && answer !== "")) return answer;
  const rule = "must return true, or the reason why not";
  throw new TypeError(`The "place" of backend "${name}" ${rule}; for node "${spec.name}" it returned ${show(answer)}.`);
}
