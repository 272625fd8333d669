import { ValidationError } from "../base/errors.js";
import { suggestion } from "../base/nearest.js";
import {
  isBackend,
  isOwnBackend,
  RESERVED_NAMES,
  type Backend,
  type BackendName,
  type Backends,
} from "../definition/specs/backend.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";

/** A backend of the user's, with its name in the run. */
export interface Route {
  readonly name: string;
  readonly backend: Backend;
}

/**
 * What the names of backends stand for in a run, and their limits: those of its workflow, and over these those of the run
 * itself, or of the one that contains it.
 */
export class Routing {
  private readonly backends: ReadonlyMap<string, Backend>;
  private readonly limits: ReadonlyMap<string, number>;
  private readonly names: ReadonlyMap<Backend, string>;

  private constructor(own: Backends, over: Routing | undefined) {
    const entries = Object.entries(own);
    const limits = entries.flatMap(([name, { limit }]) => (limit === undefined ? [] : [[name, limit] as const]));
    const backends = entries.flatMap(([name, entry]) => (isBackend(entry) ? [[name, entry] as const] : []));
    this.limits = new Map([...limits, ...(over?.limits ?? [])]);
    this.backends = new Map([...backends, ...(over?.backends ?? [])]);
    this.names = new Map(Array.from(this.backends, ([name, backend]) => [backend, name]));
  }

  /** The routing of a run; undefined if neither its workflow nor the run has backends. */
  static of(own: Backends | undefined, over: Backends | Routing | undefined): Routing | undefined {
    const outer = over === undefined || over instanceof Routing ? over : new Routing(over, undefined);
    return own === undefined ? outer : new Routing(own, outer);
  }

  /** The limit of a backend, by its name in the run; undefined if it has none. */
  limitOf(name: string): number | undefined {
    return this.limits.get(name) ?? this.backends.get(name)?.limit;
  }

  find(name: string): Backend | undefined {
    return this.backends.get(name);
  }

  nameOf(backend: Backend): string | undefined {
    return this.names.get(backend);
  }

  /** The names of all backends. */
  get known(): string[] {
    return [...RESERVED_NAMES, ...this.backends.keys()];
  }

  /** The names that have a limit, but stand for nothing. */
  get nameless(): string[] {
    return Array.from(this.limits.keys()).filter((name) => !this.known.includes(name));
  }
}

/**
 * The backend of the user's that a node has.
 * @throws {ValidationError} VALIDATION when it names one that there is not
 */
export function routeOf({ name, options }: NodeSpec, routing: Routing | undefined): Route | undefined {
  const { backend } = options;
  if (!isOwnBackend(backend)) return undefined;
  if (typeof backend !== "string") {
    const own = backend as Backend;
    return { name: routing?.nameOf(own) ?? own.name, backend: own };
  }
  const found = routing?.find(backend);
  if (found !== undefined) return { name: backend, backend: found };
  const hint = suggestion(backend, routing?.known ?? RESERVED_NAMES);
  throw new ValidationError(
    `Node "${name}" has the backend "${backend}", but there is none of that name.${hint} ` +
      `Pass { backends: { ${JSON.stringify(backend)}: … } } to the run or the workflow, or correct the name.`,
  );
}

/**
 * Refuses backends that are not defined.
 * @throws {ValidationError} VALIDATION for a node, or a limit, that names one
 */
export function checkRoutes(specs: readonly NodeSpec[], routing: Routing | undefined): void {
  const routes = specs.map((spec) => routeOf(spec, routing));
  // Nodes of workflows inside may have what the limits are for.
  if (routing === undefined || specs.some(({ subworkflow }) => subworkflow !== undefined)) return;
  const names = new Set<BackendName>(routes.flatMap((route) => route?.name ?? []));
  const unknown = routing.nameless.find((name) => !names.has(name));
  if (unknown === undefined) return;
  const hint = suggestion(unknown, [...routing.known, ...names]);
  throw new ValidationError(
    `"backends" has a limit for "${unknown}", but there is no backend of that name.${hint} Pass the backend itself, or correct the name.`,
  );
}
