import "reflect-metadata/lite";
import { checkOptions, show, type Rules } from "../base/check.js";
import { InvalidNodeError } from "../base/errors.js";
import type { AnyFn, MethodNames, MethodNeeds, NodeVerdict } from "./typings/typed-wiring.js";
import { leaveOnFunction, leaveOnPrototype, type DecoratedMethod, type MethodSpec } from "./specs/method-specs.js";
import { checkNodeName, checkWorkflowName, type NodeFunction, type NodeKind } from "./specs/node-spec.js";
import { checkNodeOptions, withCache, type Class, type NodeOptions } from "./specs/node-options.js";
import type { CacheOptions } from "./specs/policy-options.js";
import { isOptional, type NeedLike } from "./specs/need.js";
import { registerClass } from "./origin/class-registry.js";
import { DAG_RULES, OF_RUNS, type DagOptions } from "./specs/dag-options.js";
import { Origin } from "./origin/origin.js";
import { checkStateOptions, FSM_RULES, type FsmOptions, type StateOptions } from "./specs/state-spec.js";
import type { StateVerdict } from "./typings/typed-states.js";

// Shared by all copies of this module in a process, such as an ESM and a CommonJS one.
const CLASS = Symbol.for("dagwright:workflow");

/** The options that `@workflow` put on a class or, but for its name, on a parent of it. */
export function workflowSpec(target: Class): WorkflowOptions {
  const inherited = (Reflect.getMetadata(CLASS, target) ?? {}) as WorkflowOptions;
  return { ...inherited, name: (Reflect.getOwnMetadata(CLASS, target) as WorkflowOptions | undefined)?.name };
}

/** The options of {@link workflow}: those of a dag and of an fsm. */
export interface WorkflowOptions extends DagOptions, FsmOptions {
  /** @defaultValue the class name */
  name?: string | undefined;
}

const RULES: Rules<WorkflowOptions> = {
  name: (_, name) => checkWorkflowName(name),
  ...DAG_RULES,
  ...FSM_RULES,
};

/**
 * Names a class's workflow and sets its options. The class stays what it is; one without it is a workflow too, under its own name.
 * @throws {TypeError} when an option is unknown or has a wrong value
 */
export function workflow(
  options: WorkflowOptions = {},
): <C extends Class>(target: C, context?: ClassDecoratorContext<C>) => C {
  checkOptions(options, RULES, "@workflow", OF_RUNS);
  const origin = new Origin(options.module);
  return (target) => {
    Reflect.defineMetadata(CLASS, { ...options }, target);
    registerClass(target, options.name ?? target.name, origin);
    return target;
  };
}

type Kind = Exclude<NodeKind, "state">;

/**
 * A method decorator that checks its needs, as a TC39 standard decorator and as a legacy one.
 *
 * The last form is that of what can't be a node. From it the compiler also takes `A` and `B`, what a decorator is called with
 * where it stands: so needs are completed with the names of the class.
 */
export interface NodeDecorator<K extends Kind, D extends MethodNeeds, A = unknown, B = unknown> {
  <T, F extends AnyFn>(method: F, context: ClassMethodDecoratorContext<T, F>): NodeVerdict<K, T, D, F>;
  <T extends object, F extends AnyFn>(
    target: T,
    method: string,
    descriptor: TypedPropertyDescriptor<F>,
  ): NodeVerdict<K, T, D, F>;
  (target: A, place: B, descriptor?: any): { problem: "only a method can be a node" };
}

/** The names of the class that a decorator stands in, by what it is called with there. */
type Names<A, B> = NamesIn<B extends ClassMethodDecoratorContext<infer T, any> ? T : A>;
type NamesIn<T> = unknown extends T ? never : MethodNames<T>;

/**
 * The call forms of a decorator: `@node`, `@node()`, `@node("a", "b")`, `@node({ … })`, `@node("a", { … })`.
 * The strings are needs: where each positional parameter comes from, in order.
 */
export interface NodeDecorators<K extends Kind, O = unknown> {
  <T, F extends AnyFn>(method: F, context: ClassMethodDecoratorContext<T, F>): NodeVerdict<K, T, [], F>;
  <T extends object, F extends AnyFn>(
    target: T,
    method: string,
    descriptor: TypedPropertyDescriptor<F>,
  ): NodeVerdict<K, T, [], F>;
  <A, B, const D extends MethodNeeds>(...needs: D | Names<A, B>[]): NodeDecorator<K, D, A, B>;
  <A, B, const D extends MethodNeeds = []>(options: NodeOptions<D | Names<A, B>[]> & O): NodeDecorator<K, D, A, B>;
  <A, B, const D extends MethodNeeds>(
    ...args: [...needs: D | Names<A, B>[], options: NodeOptions<[]> & O]
  ): NodeDecorator<K, D, A, B>;
}

/** A method becomes a node: a function whose parameters come from other nodes and from the run's inputs. */
export const node: NodeDecorators<"node"> = decorators("node");

/** A method becomes a fork with the branches `true` and `false`; it returns a boolean or {@link decide}. */
export const condition: NodeDecorators<"condition"> = decorators("condition");

/** A method becomes a fork with named branches; it returns a branch name or {@link route}. */
export const select: NodeDecorators<"select"> = decorators("select");

/** A method becomes a node whose only parameter, if it has several needs, is a record of all of them. */
export const all: NodeDecorators<"all"> = decorators("all");

/** A method becomes a node that runs once, when the first of its needs completes. */
export const any: NodeDecorators<"any"> = decorators("any");

/** A node whose results are kept between runs, by the values of its inputs: `@node` with `cache: { ttl, … }`. */
export const cachedNode: NodeDecorators<"node", CacheOptions> = decorators("node", withCache);

/** A method decorator that checks where a state leads, as a TC39 standard decorator and as a legacy one. */
export interface StateDecorator<To extends readonly string[], E extends string> {
  <T, F extends AnyFn>(method: F, context: ClassMethodDecoratorContext<T, F>): StateVerdict<T, F, To, E>;
  <T extends object, F extends AnyFn>(
    target: T,
    method: string,
    descriptor: TypedPropertyDescriptor<F>,
  ): StateVerdict<T, F, To, E>;
}

/** The call forms of {@link state}: `@state`, `@state()`, `@state({ … })`. */
export interface StateDecorators {
  <T, F extends AnyFn>(method: F, context: ClassMethodDecoratorContext<T, F>): StateVerdict<T, F>;
  <T extends object, F extends AnyFn>(
    target: T,
    method: string,
    descriptor: TypedPropertyDescriptor<F>,
  ): StateVerdict<T, F>;
  (): StateDecorator<readonly string[], string>;
  <const To extends readonly string[] = readonly string[], const E extends string = string>(
    options: StateOptions<To, E>,
  ): StateDecorator<To, E>;
}

/** A method becomes a state of an fsm. It returns {@link next}, {@link stop}, {@link waitForEvent}, or a plain value. */
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

  function decorateStandard(fn: unknown, context: ClassMethodDecoratorContext, options?: NodeOptions): void {
    const method = decorate(fn, context.name, context, options);
    // The class does not exist yet, and only its instances tell which it is.
    context.addInitializer(function (this: unknown) {
      leaveOnPrototype(Object.getPrototypeOf(this) as object, method);
    });
  }

  function decorateLegacy(target: unknown, key: unknown, descriptor: unknown, options?: NodeOptions): void {
    const { value: fn, ...rest } = (descriptor ?? {}) as PropertyDescriptor;
    const kindOfMember = typeof fn === "function" ? "method" : "get" in rest ? "accessor" : "field";
    const member = { kind: kindOfMember, static: typeof target === "function", private: false };
    leaveOnPrototype(target as object, decorate(fn, key, member, options));
  }

  function decorate(fn: unknown, key: unknown, member: Member, options: NodeOptions = adapt({})): DecoratedMethod {
    if (member.kind !== "method" || member.static || member.private || typeof key !== "string") {
      throw new InvalidNodeError(
        `@${kind} goes on public instance methods with a string name; ${show(key)} is ${describe(member, key)}.`,
      );
    }
    const name = options.name ?? key;
    checkNodeName(name);
    if (kind === "state") checkStateOptions(options, name);
    else checkNodeOptions(options, name);
    const spec = Object.freeze({ kind, options: Object.freeze(options) }) as MethodSpec;
    const method: DecoratedMethod = { key, fn: fn as NodeFunction, spec };
    leaveOnFunction(method);
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

function isMethodContext(value: unknown): value is ClassMethodDecoratorContext {
  return typeof value === "object" && value !== null && typeof (value as Member).kind === "string" && "static" in value;
}

/** A bare legacy decorator gets the prototype (or, for a static member, the class), the key and the descriptor. */
function isLegacyCall(args: readonly unknown[]): boolean {
  const [target, key, descriptor] = args;
  return (
    args.length >= 2 &&
    (typeof target === "function" || (typeof target === "object" && target !== null)) &&
    !isOptional(target) &&
    (typeof key === "string" || typeof key === "symbol") &&
    (descriptor === undefined || typeof descriptor === "object")
  );
}

function parseArguments(kind: string, args: readonly unknown[]): NodeOptions {
  const last = args[args.length - 1];
  const hasOptions = args.length > 0 && typeof last === "object" && last !== null && !isOptional(last);
  const needs = (hasOptions ? args.slice(0, -1) : args) as NeedLike[];
  const options = (hasOptions ? last : {}) as NodeOptions;
  if (needs.length === 0) return { ...options };
  if (kind === "state") {
    throw new InvalidNodeError(`@state takes options, not needs: what it gets is the previous state's value.`);
  }
  if (options.needs !== undefined) {
    throw new InvalidNodeError(`@${kind}(…) names its needs twice, as arguments and in "needs". Keep one of them.`);
  }
  return { ...options, needs };
}
