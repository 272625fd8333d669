import { show } from "../base/check.js";
import { InvalidNodeError } from "../base/errors.js";
import type { Route } from "./decisions.js";
import { attachToPrototype, type DecoratedMethod } from "./specs/method-specs.js";
import { isOptional, type NeedLike } from "./specs/need.js";
import { checkNodeOptions, type NodeOptions } from "./specs/node-options.js";
import { checkNodeName } from "./specs/node-spec.js";
import { casesOf, withCaseParams, type Switch } from "./switch.js";
import type { Nearest } from "./typings/typed-names.js";
import type { Member, MethodNames, MethodNeeds } from "./typings/typed-wiring.js";
import type { AnyFn } from "./typings/typed-functions.js";

/** The verdict on a field: void, or what is wrong with its first need, which gives the route. */
export type SwitchVerdict<T, D extends MethodNeeds, C> = D extends readonly [infer S extends string, ...unknown[]]
  ? string extends S
    ? void
    : Member<T, S> extends AnyFn
      ? RouteVerdict<S, Awaited<ReturnType<Member<T, S>>>, C>
      : S extends `${string}.${string}`
        ? void
        : { need: S; problem: "no such method"; nearest: Nearest<S, MethodNames<T>> }
  : void;

type RouteVerdict<S, R, C> =
  C extends Switch<infer Cases>
    ? 0 extends 1 & R
      ? void
      : [R] extends [Route<infer Label, any>]
        ? "default" extends keyof Cases
          ? void
          : string extends Label
            ? void
            : [Exclude<Label, keyof Cases>] extends [never]
              ? void
              : { need: S; problem: "no case"; labels: Exclude<Label, keyof Cases> }
        : { need: S; gives: R; problem: "a switch takes route(label, value)" }
    : { problem: "the field must hold cases({ … })" };

/** A decorator of a field that holds {@link cases}, in both kinds of decorators. */
export interface SwitchDecorator<D extends MethodNeeds> {
  <T, C>(field: undefined, context: ClassFieldDecoratorContext<T, C>): SwitchVerdict<T, D, C>;
  <T extends object, K extends keyof T & string>(
    target: T,
    field: K,
    descriptor?: undefined,
  ): SwitchVerdict<T, D, T[K]>;
}

/** The forms of {@link switchOn}: needs, options, or needs and options. */
export interface SwitchOn {
  <const D extends MethodNeeds>(...needs: D): SwitchDecorator<D>;
  <const D extends MethodNeeds>(options: NodeOptions<D>): SwitchDecorator<D>;
  <const D extends MethodNeeds>(...args: [...needs: D, options: NodeOptions<[]>]): SwitchDecorator<D>;
}

/**
 * Makes a field a node that sends the value of its first need on by its label: `@switchOn("pick") deliver = cases({ … })`,
 * where `pick` returns `route(label, value)`. Further needs go to each case after the value.
 */
export const switchOn: SwitchOn = (...args: unknown[]) => {
  const options = optionsOf(args);
  return (target: unknown, key: unknown) =>
    isFieldContext(key) ? decorateStandard(key, options) : decorateLegacy(target, key, options);
};

function decorateStandard(context: ClassFieldDecoratorContext, options: NodeOptions): never {
  const { name: key, kind, private: isPrivate } = context;
  const method = decorated(key, kind === "field" && !isPrivate && !context.static, options);
  // The class does not exist yet; the first instance provides its prototype.
  return function (this: object, value: unknown) {
    if (casesOf(value) === undefined) {
      throw new InvalidNodeError(
        `The field "${method.key}" has @switchOn, so it must hold cases({ … }); received ${show(value)}.`,
      );
    }
    attachToPrototype(Object.getPrototypeOf(this) as object, method);
    return value;
  } as never;
}

function decorateLegacy(target: unknown, key: unknown, options: NodeOptions): void {
  attachToPrototype(target as object, decorated(key, typeof target === "object", options));
}

function decorated(key: unknown, isPublic: boolean, options: NodeOptions): DecoratedMethod {
  if (!isPublic || typeof key !== "string") {
    throw new InvalidNodeError(`@switchOn is for public instance fields with a string name; received ${show(key)}.`);
  }
  const name = options.name ?? key;
  checkNodeName(name);
  checkNodeOptions(options, name);
  return { key, fn: placeholder, spec: Object.freeze({ kind: "node", options: Object.freeze(options) }) };
}

/** Declares the parameters of all switches. */
const placeholder = (item: unknown): unknown => item;

function optionsOf(args: readonly unknown[]): NodeOptions {
  const last = args[args.length - 1];
  const hasOptions = typeof last === "object" && last !== null && !isOptional(last);
  const needs = (hasOptions ? args.slice(0, -1) : args) as NeedLike[];
  const given = (hasOptions ? last : {}) as NodeOptions;
  if (needs.length > 0 && given.needs !== undefined) {
    throw new InvalidNodeError(`@switchOn(…) has needs both as arguments and in "needs". Keep one of them.`);
  }
  const all = needs.length > 0 ? needs : given.needs;
  return withCaseParams({ ...given, ...(all === undefined ? {} : { needs: all }) });
}

function isFieldContext(value: unknown): value is ClassFieldDecoratorContext {
  return typeof value === "object" && value !== null && "kind" in value && "static" in value;
}
