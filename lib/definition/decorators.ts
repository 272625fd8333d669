import { show } from "../base/check.js";
import { InvalidNodeError } from "../base/errors.js";
import type {
  EventVerdict,
  FieldVerdict,
  MapVerdict,
  MethodNames,
  MethodNeeds,
  NodeVerdict,
} from "./typings/typed-wiring.js";
import type { AnyFn } from "./typings/typed-functions.js";
import { attachToFunction, attachToPrototype, type DecoratedMethod, type MethodSpec } from "./specs/method-specs.js";
import { checkNodeName, type NodeFunction, type NodeKind } from "./specs/node-spec.js";
import type { Class } from "../base/class-state.js";
import { isOwnBackend, type Backend, type BackendName } from "./specs/backend.js";
import { checkNodeOptions, withCache, type NodeOptions } from "./specs/node-options.js";
import type { CacheOptions } from "./specs/policy-options.js";
import { checkMapOptions, type MapOptions } from "./specs/map-options.js";
import { checkEventOptions, type EventOptions } from "./specs/event-spec.js";
import { isMarkedNeed, type NeedLike } from "./specs/need.js";
import type { Switch } from "./switch.js";
import type { Subworkflow } from "./specs/subworkflow-spec.js";
import { registerClass } from "./origin/class-registry.js";
import { Origin } from "./origin/origin.js";
import { checkStateOptions, type StateOptions } from "./specs/state-spec.js";
import { setClassOptions } from "./specs/class-options.js";
import { checkWorkflowOptions, type WorkflowOptions } from "./specs/workflow-options.js";
import type { StateVerdict } from "./typings/typed-states.js";

/**
 * Sets the name and the options of a class's workflow. It is optional: the default name is that of the class. The class
 * itself does not change.
 * @throws {TypeError} | {RangeError} when an option is unknown or invalid
 */
export function workflow(
  options: WorkflowOptions = {},
): <C extends Class>(target: C, context?: ClassDecoratorContext<C>) => C {
  checkWorkflowOptions(options, "@workflow");
  const origin = new Origin(options.module);
  return (target) => {
    setClassOptions(target, options);
    registerClass(target, options.name ?? target.name, origin);
    return target;
  };
}

/** @inline */
type Kind = Exclude<NodeKind, "state">;

/**
 * A method decorator that checks its needs, both as a TC39 standard decorator and as a legacy one.
 *
 * The last overload is for members that can't be nodes. From it the compiler also infers `A` and `B`, the arguments
 * with which the decorator is called, so that editors complete needs with the names of the class.
 */
export interface NodeDecorator<K extends Kind, D extends MethodNeeds, A = unknown, B = unknown, V = never> {
  <T, F extends AnyFn>(method: F, context: ClassMethodDecoratorContext<T, F>): NodeVerdict<K, T, D, F, V>;
  <T extends object, F extends AnyFn>(
    target: T,
    method: string,
    descriptor: TypedPropertyDescriptor<F>,
  ): NodeVerdict<K, T, D, F, V>;
  <T>(field: undefined, context: ClassFieldDecoratorContext<T, Subworkflow<any>>): FieldVerdict<T, D>;
  <T extends object, P extends keyof T & string>(
    target: T,
    field: P & FieldOf<T, P>,
    descriptor?: undefined,
  ): FieldVerdict<T, D>;
  (target: A, place: B, descriptor?: any): { problem: "only a method can be a node" };
}

/** The name of a field, if it holds a workflow. */
type FieldOf<T, P extends keyof T> = T[P] extends Subworkflow<any> ? P : never;

/** A decorator with a backend, which may have what the node does: a field of its type takes the place of the method. */
export interface ElsewhereDecorator<K extends Kind, D extends MethodNeeds, V = never> {
  <T, F extends AnyFn>(field: undefined, context: ClassFieldDecoratorContext<T, F>): NodeVerdict<K, T, D, F, V>;
  <T extends object, P extends keyof T & string>(
    target: T,
    field: P & FunctionOf<T, P>,
    descriptor?: undefined,
  ): T[P] extends AnyFn ? NodeVerdict<K, T, D, T[P], V> : never;
}

/** Options that name a backend. */
interface Elsewhere {
  readonly backend: BackendName | Backend;
}

/** The name of a field, if it stands for the function of a node whose backend knows what it does. */
type FunctionOf<T, P extends keyof T> = T[P] extends AnyFn ? P : never;

/** The method names of the class that a decorator is in, from the arguments of its call. */
type Names<A, B> = NamesIn<B extends ClassMethodDecoratorContext<infer T, any> ? T : A>;
type NamesIn<T> = unknown extends T ? never : MethodNames<T>;

/**
 * The forms of a decorator: `@node`, `@node()`, `@node("a", "b")`, `@node({ … })`, `@node("a", { … })`.
 * The strings are needs: the sources of the positional parameters, in order.
 */
export interface NodeDecorators<K extends Kind, O = unknown> {
  <T, F extends AnyFn>(method: F, context: ClassMethodDecoratorContext<T, F>): NodeVerdict<K, T, [], F>;
  <T extends object, F extends AnyFn>(
    target: T,
    method: string,
    descriptor: TypedPropertyDescriptor<F>,
  ): NodeVerdict<K, T, [], F>;
  <T>(field: undefined, context: ClassFieldDecoratorContext<T, Subworkflow<any>>): void;
  <T extends object, P extends keyof T & string>(target: T, field: P & FieldOf<T, P>, descriptor?: undefined): void;
  <A, B, const D extends MethodNeeds>(...needs: D | Names<A, B>[]): NodeDecorator<K, D, A, B>;
  <A, B, const D extends MethodNeeds = [], V = never>(
    options: NodeOptions<D | Names<A, B>[], V> & O & Elsewhere,
  ): ElsewhereDecorator<K, D, V> & NodeDecorator<K, D, A, B, V>;
  <A, B, const D extends MethodNeeds, V = never>(
    ...args: [...needs: D | Names<A, B>[], options: NodeOptions<[], V> & O & Elsewhere]
  ): ElsewhereDecorator<K, D, V> & NodeDecorator<K, D, A, B, V>;
  <A, B, const D extends MethodNeeds = [], V = never>(
    options: NodeOptions<D | Names<A, B>[], V> & O,
  ): NodeDecorator<K, D, A, B, V>;
  <A, B, const D extends MethodNeeds, V = never>(
    ...args: [...needs: D | Names<A, B>[], options: NodeOptions<[], V> & O]
  ): NodeDecorator<K, D, A, B, V>;
}

/**
 * Makes a method a node: a function that takes its parameters from other nodes and from the inputs of the run. With a
 * `backend` that knows what it does, a field without a value takes the place of the method, and `params` names its inputs.
 */
export const node: NodeDecorators<"node"> = decorators("node");

/** Makes a method a fork with the branches `true` and `false`. It returns a boolean or {@link decide}. */
export const condition: NodeDecorators<"condition"> = decorators("condition");

/** Makes a method a fork with named branches. It returns the name of a branch or {@link route}. */
export const select: NodeDecorators<"select"> = decorators("select");

/** Makes a method a node that takes several needs as a record, if it has a single parameter. */
export const all: NodeDecorators<"all"> = decorators("all");

/** Makes a method a node that runs once, as soon as one of its needs completes. */
export const any: NodeDecorators<"any"> = decorators("any");

/** Makes a method a node with results that are cached across runs, by inputs: `@node` with `cache: { ttl, … }`. */
export const cachedNode: NodeDecorators<"node", CacheOptions> = decorators("node", withCache);

/** What a field may hold that is a map. */
type MapWork = Subworkflow<any> | Switch<any>;

/** The decorator of a map: of a method that takes an item, or of a field that holds a workflow or cases. */
export interface MapDecorator<D extends MethodNeeds, A = unknown, B = unknown> {
  <T, F extends AnyFn>(method: F, context: ClassMethodDecoratorContext<T, F>): MapVerdict<T, D, F>;
  <T, C>(field: undefined, context: ClassFieldDecoratorContext<T, C>): MapFieldVerdict<T, D, C>;
  <T extends object, F extends AnyFn>(
    target: T,
    method: string,
    descriptor: TypedPropertyDescriptor<F>,
  ): MapVerdict<T, D, F>;
  <T extends object, P extends keyof T & string>(
    target: T,
    field: P,
    descriptor?: undefined,
  ): MapFieldVerdict<T, D, T[P]>;
  (target: A, place: B, descriptor?: any): { problem: "only a method, a workflow or cases can be a map" };
}

type MapFieldVerdict<T, D extends MethodNeeds, C> = [C] extends [MapWork]
  ? MapVerdict<T, D, () => void>
  : { problem: "only a method, a workflow or cases can be a map" };

/** A decorator of a map with a backend, which may have what is done with each item. */
export interface ElsewhereMapDecorator<D extends MethodNeeds> {
  <T, F extends AnyFn>(field: undefined, context: ClassFieldDecoratorContext<T, F>): MapVerdict<T, D, F>;
  <T extends object, P extends keyof T & string>(
    target: T,
    field: P & FunctionOf<T, P>,
    descriptor?: undefined,
  ): T[P] extends AnyFn ? MapVerdict<T, D, T[P]> : never;
}

/** The forms of {@link map}: `@map("list")`, `@map("list", "other", { … })`, `@map({ … })`. */
export interface MapDecorators {
  <A, B, const D extends MethodNeeds>(...needs: D | Names<A, B>[]): MapDecorator<D, A, B>;
  <A, B, const D extends MethodNeeds = []>(
    options: MapOptions<D | Names<A, B>[]> & Elsewhere,
  ): ElsewhereMapDecorator<D> & MapDecorator<D, A, B>;
  <A, B, const D extends MethodNeeds = []>(options: MapOptions<D | Names<A, B>[]>): MapDecorator<D, A, B>;
  <A, B, const D extends MethodNeeds>(
    ...args: [...needs: D | Names<A, B>[], options: MapOptions<[]>]
  ): MapDecorator<D, A, B>;
}

/**
 * Makes a method, or a field that holds a workflow or cases, a map: it is called for each item of its first need. Mark the
 * parameter as an `Item` of a list, or an `Entry` of a `Map` or a record, so that the result is typed.
 */
export const map: MapDecorators = decorators("map") as never;

/** The decorator of an event node. `V` is what the schema of its result makes, `P` what that of its payload makes. */
export interface EventDecorator<D extends MethodNeeds, A = unknown, B = unknown, V = never, P = never> {
  <T, F extends AnyFn>(method: F, context: ClassMethodDecoratorContext<T, F>): EventVerdict<T, D, F, V, P>;
  <T extends object, F extends AnyFn>(
    target: T,
    method: string,
    descriptor: TypedPropertyDescriptor<F>,
  ): EventVerdict<T, D, F, V, P>;
  (target: A, place: B, descriptor?: any): { problem: "only a method can wait for an event" };
}

/** The forms of {@link event}: `@event`, `@event("need")`, `@event({ … })`, `@event("need", { … })`. */
export interface EventDecorators {
  <T, F extends AnyFn>(method: F, context: ClassMethodDecoratorContext<T, F>): EventVerdict<T, [], F>;
  <T extends object, F extends AnyFn>(
    target: T,
    method: string,
    descriptor: TypedPropertyDescriptor<F>,
  ): EventVerdict<T, [], F>;
  <A, B, const D extends MethodNeeds>(...needs: D | Names<A, B>[]): EventDecorator<D, A, B>;
  <A, B, const D extends MethodNeeds = [], V = never, P = never>(
    options: EventOptions<D | Names<A, B>[], V, P>,
  ): EventDecorator<D, A, B, V, P>;
  <A, B, const D extends MethodNeeds, V = never, P = never>(
    ...args: [...needs: D | Names<A, B>[], options: EventOptions<[], V, P>]
  ): EventDecorator<D, A, B, V, P>;
}

/**
 * Makes a method a node that waits for an event from outside: `handle.send` or `dag.send`. Its first parameter takes the
 * payload, the others its needs. It begins to wait when these have completed.
 */
export const event: EventDecorators = decorators("event") as never;

/** A method decorator that checks the next states, both as a TC39 standard decorator and as a legacy one. */
export interface StateDecorator<To extends readonly string[], E extends string, V = never> {
  <T, F extends AnyFn>(method: F, context: ClassMethodDecoratorContext<T, F>): StateVerdict<T, F, To, E, V>;
  <T extends object, F extends AnyFn>(
    target: T,
    method: string,
    descriptor: TypedPropertyDescriptor<F>,
  ): StateVerdict<T, F, To, E, V>;
  <T>(field: undefined, context: ClassFieldDecoratorContext<T, Subworkflow<any>>): void;
  <T extends object, P extends keyof T & string>(target: T, field: P & FieldOf<T, P>, descriptor?: undefined): void;
}

/** The forms of {@link state}: `@state`, `@state()`, `@state({ … })`. */
export interface StateDecorators {
  <T, F extends AnyFn>(method: F, context: ClassMethodDecoratorContext<T, F>): StateVerdict<T, F>;
  <T extends object, F extends AnyFn>(
    target: T,
    method: string,
    descriptor: TypedPropertyDescriptor<F>,
  ): StateVerdict<T, F>;
  <T>(field: undefined, context: ClassFieldDecoratorContext<T, Subworkflow<any>>): void;
  <T extends object, P extends keyof T & string>(target: T, field: P & FieldOf<T, P>, descriptor?: undefined): void;
  (): StateDecorator<readonly string[], string>;
  <const To extends readonly string[] = readonly string[], const E extends string = string, V = never>(
    options: StateOptions<To, E, V>,
  ): StateDecorator<To, E, V>;
}

/** Makes a method a state of an fsm. It returns {@link next}, {@link stop}, {@link waitForEvent}, or a plain value. */
export const state: StateDecorators = decorators("state") as never;

function decorators<K extends NodeKind, O>(
  kind: K,
  adapt: (options: NodeOptions) => NodeOptions = (options) => options,
): NodeDecorators<Extract<K, Kind>, O> {
  function decorator(...args: unknown[]): unknown {
    const [first, second] = args;
    if (args.length === 2 && isMethodContext(second)) return decorateStandard(first, second);
    if (isLegacyCall(args)) return decorateLegacy(first, args[1], args[2]);
    const options = adapt(parseArguments(kind, args));
    return (target: unknown, key: unknown, descriptor?: unknown) =>
      isMethodContext(key) ? decorateStandard(target, key, options) : decorateLegacy(target, key, descriptor, options);
  }

  function decorateStandard(fn: unknown, context: DecoratorContext, options?: NodeOptions): void {
    const method = decorate(fn, context.name, context, options);
    // The class does not exist yet; an instance provides its prototype.
    context.addInitializer(function (this: unknown) {
      attachToPrototype(Object.getPrototypeOf(this) as object, method);
    });
  }

  function decorateLegacy(target: unknown, key: unknown, descriptor: unknown, options?: NodeOptions): void {
    const { value: fn, ...rest } = (descriptor ?? {}) as PropertyDescriptor;
    const kindOfMember = typeof fn === "function" ? "method" : "get" in rest ? "accessor" : "field";
    const member = { kind: kindOfMember, static: typeof target === "function", private: false };
    attachToPrototype(target as object, decorate(fn, key, member, options));
  }

  function decorate(fn: unknown, key: unknown, member: Member, options: NodeOptions = adapt({})): DecoratedMethod {
    const mayBeField = kind === "node" || kind === "state" || kind === "map" || isWithoutFunction(kind, options);
    if (
      !(member.kind === "method" || (member.kind === "field" && mayBeField)) ||
      member.static ||
      member.private ||
      typeof key !== "string"
    ) {
      throw new InvalidNodeError(
        `@${kind} is for public instance methods with a string name; ${show(key)} is ${describe(member, key)}.`,
      );
    }
    const name = options.name ?? key;
    checkNodeName(name);
    if (kind === "state") checkStateOptions(options, name);
    else if (kind === "map") checkMapOptions(options, name);
    else if (kind === "event") checkEventOptions(options, name);
    else checkNodeOptions(options, name);
    const spec = Object.freeze({ kind, options: Object.freeze(options) }) as MethodSpec;
    const method: DecoratedMethod = { key, fn: fn as NodeFunction | undefined, spec };
    if (method.fn !== undefined) attachToFunction(method.fn, spec);
    return method;
  }

  return decorator as NodeDecorators<Extract<K, Kind>, O>;
}

/** Whether a field stands for the function of a node, which only its backend has. */
function isWithoutFunction(kind: NodeKind, { backend }: NodeOptions): boolean {
  return kind !== "event" && isOwnBackend(backend);
}

interface Member {
  readonly kind: string;
  readonly static: boolean;
  readonly private: boolean;
}

function describe(member: Member, key: unknown): string {
  if (member.kind !== "method") return `${member.kind === "accessor" ? "an" : "a"} ${member.kind}`;
  if (member.static) return "static";
  return typeof key === "symbol" ? "a symbol" : "private";
}

type DecoratorContext = ClassMethodDecoratorContext | ClassFieldDecoratorContext;

function isMethodContext(value: unknown): value is DecoratorContext {
  return typeof value === "object" && value !== null && typeof (value as Member).kind === "string" && "static" in value;
}

/**
 * Whether a bare legacy decorator was called: with the prototype, or the class of a static member, the key and the
 * descriptor.
 */
function isLegacyCall(args: readonly unknown[]): boolean {
  const [target, key, descriptor] = args;
  return (
    args.length >= 2 &&
    (typeof target === "function" || (typeof target === "object" && target !== null)) &&
    !isMarkedNeed(target) &&
    (typeof key === "string" || typeof key === "symbol") &&
    (descriptor === undefined || typeof descriptor === "object")
  );
}

function parseArguments(kind: string, args: readonly unknown[]): NodeOptions {
  const last = args[args.length - 1];
  const hasOptions = args.length > 0 && typeof last === "object" && last !== null && !isMarkedNeed(last);
  const needs = (hasOptions ? args.slice(0, -1) : args) as NeedLike[];
  const options = (hasOptions ? last : {}) as NodeOptions;
  if (needs.length === 0) return { ...options };
  if (kind === "state") {
    throw new InvalidNodeError(`@state takes options, not needs: a state gets the value of the previous state.`);
  }
  if (options.needs !== undefined) {
    throw new InvalidNodeError(`@${kind}(…) has needs both as arguments and in "needs". Keep one of them.`);
  }
  return { ...options, needs };
}
