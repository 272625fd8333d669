/**
 * Compile-time checks of an annotated state machine, as standard decorators here, and as legacy ones by
 * `spec/legacy/tsconfig.json`, which includes this file.
 */
import { Fsm, next, state, stop, waitForEvent, type FsmContext, type FsmResult, type RunStore } from "dagwright";

interface Order {
  readonly id: string;
}

export class Right {
  @state({ initial: true, to: ["paid", "refused"] }) created(id: string) {
    return id === "" ? next("refused", "no id") : next("paid", { id });
  }
  @state async paid(order: Order, ctx: FsmContext) {
    return ctx.cycle > 3 ? stop(order) : next("sent", { order, carrier: "post" });
  }
  @state({ to: ["done", "lost"], retry: 2, errorState: "lost" }) sent(order: Order, carrier: string) {
    return carrier === order.id
      ? waitForEvent({ DELIVERED: "done", LOST: "lost" }, { after: [5, "lost"] })
      : next("done");
  }
  @state() contextFirst(ctx: FsmContext, order: Order) {
    return order.id === ctx.nodeName ? next("contextFirst", order) : next("plain", 5);
  }
  @state plain(n: number) {
    return n;
  }
  @state({ terminal: true }) done() {
    return stop("done");
  }
  @state lost(reason?: string): "lost" {
    return reason === "" ? "lost" : "lost";
  }
  @state refused(reason: unknown) {
    return reason;
  }
  @state anything(value: any) {
    return value as any;
  }
  /** A state whose name is only known at run time is not checked. */
  @state dynamic(target: string) {
    return next(target, 1);
  }
  helper = 1;
}

export class WrongTargets {
  // @ts-expect-error no state is named "nme"
  @state bare() {
    return next("nme");
  }
  // @ts-expect-error no state is named "nme"
  @state({ initial: true }) withOptions() {
    return next("nme");
  }
  // @ts-expect-error no state is named "nme"
  @state() async either(n: number) {
    return n > 1 ? next("bare") : next("nme");
  }
  // @ts-expect-error no state is named "nme"
  @state event() {
    return waitForEvent({ GO: "bare", STOP: "nme" });
  }
  // @ts-expect-error no state is named "nme"
  @state late() {
    return waitForEvent({ GO: "bare" }, { after: [5, "nme"] });
  }
  // @ts-expect-error "helper" is not a method
  @state notAMethod() {
    return next("helper");
  }
  // @ts-expect-error no state is named "nme"
  @state({ to: ["bare", "nme"] }) declared() {
    return stop();
  }
  // @ts-expect-error no state is named "nme"
  @state({ errorState: "nme" }) failing() {
    return stop();
  }
  // @ts-expect-error "to" does not list "late"
  @state({ to: ["bare"] }) illegal() {
    return next("late");
  }
  helper = 1;
}

export class WrongValues {
  // @ts-expect-error a string does not fit
  @state bare() {
    return next("count", "5");
  }
  // @ts-expect-error a string does not fit
  @state({ to: ["count"] }) async declared() {
    return next("count", "5");
  }
  // @ts-expect-error null does not fit
  @state either(n: number) {
    return n > 1 ? next("count", null) : next("count", 5);
  }
  @state count(n: number, ctx: FsmContext) {
    return stop(n + ctx.cycle);
  }
}

declare const store: RunStore;

export async function results() {
  const fsm = Fsm.from(Right);
  const run: FsmResult<any> = await fsm.run();
  void run;
  const typed = await fsm.run({ inputs: { id: "x" }, maxCycles: 5, onMaxCycles: "stop" });
  exactly<{ id: string } | string | undefined>()(typed.get("created"));
  exactly<string | undefined>()(typed.get("done.0"));
  exactly<number | undefined>()(typed.getCycle("plain", 0));
  exactly<(number | undefined)[]>()(typed.getHistory("plain"));
  exactly<number | "none">()(fsm.get("plain", "none"));
  // @ts-expect-error no state is named "plian"
  typed.get("plian");
  // @ts-expect-error no state is named "plian"
  fsm.getHistory("plian");
  // @ts-expect-error no such option
  void fsm.run({ maxCycle: 5 });
  exactly<number | undefined>()(
    (await fsm.resume("id", { store, provide: { plain: 1 }, send: { PAID: 2 } })).get("plain"),
  );
  // @ts-expect-error a recorded run needs its store
  void fsm.resume("id", { send: { PAID: 2 } });
  const handle = fsm.start();
  await handle.waitFor("paid");
  // @ts-expect-error no state is named "payd"
  await handle.waitFor("payd");
  const builder = new Fsm("f");
  const counted = builder.state("counted", { initial: true }, (n: number) => next("end", n));
  const end = builder.state("end", (n: number) => stop(String(n)));
  builder.addTransition(counted, end, (n: number) => n > 1);
  const built = await builder.run();
  exactly<number | undefined>()(built.get(counted));
  exactly<string | undefined>()(built.get(end));
}

/** Accepts only a value of exactly the type `E`. */
function exactly<E>(): <const A>(
  value: (<T>() => T extends A ? 1 : 2) extends <T>() => T extends E ? 1 : 2 ? A : never,
) => void {
  return () => {};
}
