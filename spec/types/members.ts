/**
 * Compile-time checks of private and inherited nodes, and of members that are not methods, as both kinds of decorators.
 */
import { Dag, Fsm, next, node, state } from "dagwright";

export class Hidden {
  @node private load(): number[] {
    return [1];
  }
  @node("load") protected size(items: number[]): number {
    return items.length;
  }
  @node("size") show(size: number): string {
    return String(size);
  }
  // @ts-expect-error the result of "load" is number[]
  @node("load") wrongPrivate(text: string) {
    return text;
  }
  // @ts-expect-error the result of "size" is a number
  @node("size") wrongProtected(text: string) {
    return text;
  }
  // @ts-expect-error "limit" is not a method
  @node("limit") field(limit: number) {
    return limit;
  }
  // @ts-expect-error "total" is not a method
  @node("total") accessor(total: number) {
    return total;
  }
  limit = 1;
  get total() {
    return this.load().length;
  }
}

export class Heir extends Hidden {
  @node("size") double(size: number) {
    return 2 * size;
  }
  // @ts-expect-error the result of the base class' "show" is a string
  @node("show") wrong(size: number) {
    return size;
  }
}

export class Door {
  @state({ initial: true }) shut() {
    return next("open", 1);
  }
  @state protected open(times: number) {
    return times;
  }
  // @ts-expect-error "open" takes a number
  @state wrong() {
    return next("open", "once");
  }
}

// Members that decorators do not support.
export class Elsewhere {
  // @ts-expect-error a field is not a method
  @node field = 1;
  // @ts-expect-error a field is not a method
  @node() other = () => 1;
  // @ts-expect-error an accessor is not a method
  @node get accessor() {
    return 1;
  }
  // @ts-expect-error a field is not a state
  @state field2 = 1;
}

export async function results(): Promise<void> {
  const run = await Dag.from(Hidden).run();
  const shown: string = run.get("show");
  // @ts-expect-error the member is protected
  run.get("size");
  void [shown, Fsm.from(Door)];
}
