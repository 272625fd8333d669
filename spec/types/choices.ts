/** Compile-time checks of choices and switches, whose results follow from their branches. */
import { cases, Dag, node, route, switchOn, type NodeHandle } from "dagwright";

type Same<A, B> = (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false;
const is = <T>() => ({ of: <A>(_: NodeHandle<A, any>, same: Same<A, T>) => same });

const dag = new Dag("typed");
const flag = dag.node("flag", () => true);
const n = dag.node("n", () => 1);
const s = dag.node("s", async () => "s" as string | undefined);
const o = dag.node("o", () => ({ x: new Date() as Date | null }));

is<string | number | undefined>().of(dag.when("when", { if: flag, then: n, else: s }), true);
is<number>().of(dag.when("then", { if: "flag", then: n }), true);
is<number>().of(dag.guard("guard", { if: flag, then: n }), true);
is<string | number | Date>().of(dag.coalesce("some", [s, o.output("x"), n]), true);

// @ts-expect-error a guard has no else
dag.guard("e1", { if: flag, then: n, else: s });
// @ts-expect-error a when needs a branch
dag.when("e2", { if: flag });

const pick = dag.node("pick", () => (Math.random() > 0.5 ? route("email", 1) : route("post", "x")));
const sent = dag.switch("sent", { needs: [pick], cases: { email: (v) => v.toFixed(), post: async (v) => v.length } });
is<string | number>().of(sent, true);
// @ts-expect-error there is no case for "post"
dag.switch("e3", { needs: [pick], cases: { email: (v: number) => v } });
// @ts-expect-error the value of "post" is a string
dag.switch("e4", { needs: [pick], cases: { email: () => 1, post: (v: number) => v } });
dag.switch("byDefault", { needs: [pick], cases: { email: (v) => v.toFixed(), default: () => 1 } });

export class Letters {
  @node pick() {
    return Math.random() > 0.5 ? route("email", 1) : route("post", "x");
  }
  @node plain() {
    return 1;
  }
  @switchOn("pick") all = cases({ email: (v: number) => v, post: (v: string) => v });
  @switchOn("pick") rest = cases({ email: (v: number) => v, default: () => "x" });
  // @ts-expect-error there is no case for "post"
  @switchOn("pick") few = cases({ email: (v: number) => v });
  // @ts-expect-error there is no method "pik"
  @switchOn("pik") typo = cases({ email: (v: number) => v, post: (v: string) => v });
  // @ts-expect-error it returns no route
  @switchOn("plain") number = cases({ email: (v: number) => v });
}

export async function results(): Promise<void> {
  const run = await Dag.from(Letters).run();
  const all: string | number = run.get("all");
  // @ts-expect-error it may be a number
  const wrong: string = run.get("all");
  void [all, wrong];
}
