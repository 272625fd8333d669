/** Nodes are checked as what they are, be they private, of a base class, or no method. Checked as both kinds of decorators. */
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
  // @ts-expect-error "load" gives number[]
  @node("load") wrongPrivate(text: string) {
    return text;
  }
  // @ts-expect-error "size" gives a number
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
  // @ts-expect-error the base's "show" gives a string
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

// What a decorator can't be put on.
export class Elsewhere {
  // @ts-expect-error a field is no method
  @node field = 1;
  // @ts-expect-error a field is no method
  @node() other = () => 1;
  // @ts-expect-error an accessor is no method
  @node get accessor() {
    return 1;
  }
  // @ts-expect-error a field is no state
  @state field2 = 1;
}

export async function results(): Promise<void> {
  const run = await Dag.from(Hidden).run();
  const shown: string = run.get("show");
  // @ts-expect-error what is protected is not for others
  run.get("size");
  void [shown, Fsm.from(Door)];
}
