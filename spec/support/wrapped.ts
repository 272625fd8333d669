/** Third-party decorators around ours, for both decorator specs, compiled as TC39 standard decorators. */
import { cachedNode, condition, node, state, stop, next, type Context, type FsmContext } from "dagwright";

export const calls: string[] = [];

type AnyFn = (...args: any[]) => any;

/** Wraps a method in a function that records its calls, both as a standard decorator and as a legacy one. */
export function traced(target: unknown, key: unknown, descriptor?: PropertyDescriptor): any {
  const isLegacy = descriptor !== undefined;
  const fn = (isLegacy ? descriptor.value : target) as AnyFn;
  const name = String(isLegacy ? key : (key as { name: PropertyKey }).name);
  function wrapper(this: unknown, ...args: unknown[]): unknown {
    calls.push(name);
    return fn.apply(this, args);
  }
  return isLegacy ? { ...descriptor, value: wrapper } : wrapper;
}

/** Replaces methods with one shared function. */
const shared = function (this: unknown, x: number): number {
  return x * 10;
};
export function replaced(_target: unknown, _key: unknown, descriptor?: PropertyDescriptor): any {
  return descriptor === undefined ? shared : { ...descriptor, value: shared };
}

export class Above {
  @traced @node load(): number {
    return 2;
  }
  @traced @node twice(load: number, ctx: Context): string {
    return `${load * 2} for ${ctx.nodeName}`;
  }
  @traced @condition("load") isBig(load: number): boolean {
    return load > 1;
  }
  @node("isBig.true") big(load: number): string {
    return `big ${load}`;
  }
}

export class Below {
  @node @traced load(): number {
    return 2;
  }
  @node("load") @traced twice(load: number): number {
    return load * 2;
  }
}

export class Machine {
  @traced @state({ initial: true }) start(order: number) {
    return next("end", { order, by: "start" });
  }
  @traced @state({ terminal: true }) end(order: number, by: string, ctx: FsmContext) {
    return stop(`${by} ${order} in cycle ${ctx.cycle}`);
  }
}

/** Methods with state that outlives a run. */
export class Kept {
  @cachedNode({ ttl: 60_000 }) slow(): number {
    return calls.push("slow");
  }
  @node({ circuitBreaker: { failureThreshold: 2, resetAfter: 60_000 } }) fails(): never {
    calls.push("fails");
    throw new Error("down");
  }
}

/** States with wrappers that take any arguments. */
export class Rests {
  @state({ initial: true }) @traced start() {
    return next("double", 4);
  }
  @state @traced double(x: number): number {
    return x * 2;
  }
}

/** A subclass without decorators: one of its methods has other parameters, the other one has only a rest parameter. */
export class Child extends Above {
  override load(seed = 20): number {
    return seed;
  }
  override twice(...args: [number, Context]): string {
    return `child ${super.twice(...args)}`;
  }
}

/** A subclass with decorators of its own, inside a third-party decorator. */
export class Rewired extends Above {
  @node other(): number {
    return 7;
  }
  @traced @node("other") override twice(x: number, ctx: Context): string {
    return `${x} in ${ctx.nodeName}`;
  }
}

/** Two nodes and two classes that share one function. */
export class Shared {
  @node one(): number {
    return 1;
  }
  @node("one") @replaced tens(x: number): number {
    return x;
  }
  @node("tens") @replaced hundreds(x: number): number {
    return x;
  }
}

export class AlsoShared {
  @node two(): number {
    return 2;
  }
  @node("two") @replaced tens(x: number): number {
    return x;
  }
}

export abstract class Template {
  @traced @node report(title: string): string {
    return `${title}: ${this.body()}`;
  }
  protected abstract body(): string;
}

export class Filled extends Template {
  @node title(): string {
    return "June";
  }
  protected body(): string {
    return "rain";
  }
}

export function mixin<B extends abstract new (...args: any[]) => object>(Base: B) {
  abstract class Mixed extends Base {
    @traced @node mixed(): string {
      return "mixed in";
    }
  }
  return Mixed;
}
