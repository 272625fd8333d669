import { show } from "../base/check.js";
import { InvalidNodeError } from "../base/errors.js";
import type { AnyFn, MethodNames, MethodNeed, MethodNeeds, NodeVerdict } from "./typings/typed-wiring.js";
import { attachToFunction, attachToPrototype, type DecoratedMethod, type MethodSpec } from "./specs/method-specs.js";
import { checkNodeName, type NodeFunction, type NodeKind } from "./specs/node-spec.js";
import type { Class } from "../base/class-state.js";
import { checkNodeOptions, withCache, type NodeOptions } from "./specs/node-options.js";
import type { CacheOptions } from "./specs/policy-options.js";
import { checkMapOptions, type MapOptions } from "./specs/map-options.js";
import { isMarkedNeed, type NeedLike } from "./specs/need.js";
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
export interface NodeDecorator<K extends Kind, D extends MethodNeeds, A = unknown, B = unknown> {
  <T, F extends AnyFn>(method: F, context: ClassMethodDecoratorContext<T, F>): NodeVerdict<K, T, D, F>;
  <T extends object, F extends AnyFn>(
    target: T,
    method: string,
    descriptor: TypedPropertyDescriptor<F>,
  ): NodeVerdict<K, T, D, F>;
  <T>(field: undefined, context: ClassFieldDecoratorContext<T, Subworkflow<any>>): void;
  <T extends object, P extends keyof T & string>(target: T, field: P & FieldOf<T, P>, descriptor?: undefined): void;
  (target: A, place: B, descriptor?: any): { problem: "only a method can be a node" };
}

/** The name of a field, if it holds a workflow. */
type FieldOf<T, P extends keyof T> = T[P] extends Subworkflow<any> ? P : never;

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
  <A, B, const D extends MethodNeeds = []>(options: NodeOptions<D | Names<A, B>[]> & O): NodeDecorator<K, D, A, B>;
  <A, B, const D extends MethodNeeds>(
    ...args: [...needs: D | Names<A, B>[], options: NodeOptions<[]> & O]
  ): NodeDecorator<K, D, A, B>;
}

/** Makes a method a node: a function that takes its parameters from other nodes and from the inputs of the run. */
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

/** The decorator of a map: of a method that takes an item, or of a field that holds a workflow. */
export interface MapDecorator {
  <T, F extends AnyFn>(method: F, context: ClassMethodDecoratorContext<T, F>): void;
  <T>(field: undefined, context: ClassFieldDecoratorContext<T, Subworkflow<any>>): void;
  <T extends object, P extends keyof T & string>(
    target: T,
    member: P,
    descriptor?: TypedPropertyDescriptor<T[P]>,
  ): T[P] extends AnyFn | Subworkflow<any> ? void : { problem: "only a method or a workflow can be a map" };
}

/** The forms of {@link map}: `@map("list")`, `@map("list", "other", { … })`, `@map({ … })`. */
export interface MapDecorators {
  (...needs: MethodNeed[]): MapDecorator;
  (options: MapOptions): MapDecorator;
  (...args: [...needs: MethodNeed[], options: MapOptions<[]>]): MapDecorator;
}

/**
 * Makes a method, or a field that holds a workflow, a map: it is called for each item of its first need. Mark the
 * parameter as an `Item` of a list, or an `Entry` of a `Map` or a record, so that the result is typed.
 */
export const map: MapDecorators = decorators("map") as never;

/** A method decorator that checks the next states, both as a TC39 standard decorator and as a legacy one. */
export interface StateDecorator<To extends readonly string[], E extends string> {
  <T, F extends AnyFn>(method: F, context: ClassMethodDecoratorContext<T, F>): StateVerdict<T, F, To, E>;
  <T extends object, F extends AnyFn>(
    target: T,
    method: string,
    descriptor: TypedPropertyDescriptor<F>,
  ): StateVerdict<T, F, To, E>;
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
  <const To extends readonly string[] = readonly string[], const E extends string = string>(
    options: StateOptions<To, E>,
  ): StateDecorator<To, E>;
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
    const isWorkflow = member.kind === "field" && (kind === "node" || kind === "state" || kind === "map");
    if (!(member.kind === "method" || isWorkflow) || member.static || member.private || typeof key !== "string") {
      throw new InvalidNodeError(
        `@${kind} is for public instance methods with a string name; ${show(key)} is ${describe(member, key)}.`,
      );
    }
    const name = options.name ?? key;
    checkNodeName(name);
    if (kind === "state") checkStateOptions(options, name);
    else if (kind === "map") checkMapOptions(options, name);
    else checkNodeOptions(options, name);
    const spec = Object.freeze({ kind, options: Object.freeze(options) }) as MethodSpec;
    const method: DecoratedMethod = { key, fn: fn as NodeFunction | undefined, spec };
    if (method.fn !== undefined) attachToFunction(method.fn, spec);
    return method;
  }

  return decorator as NodeDecorators<Extract<K, Kind>, O>;
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
