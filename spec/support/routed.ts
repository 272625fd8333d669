/** Routes and decisions on their way between threads. Workers import them. */
import { isMainThread } from "node:worker_threads";
import { Dag, decide, route, type Context } from "dagwright";

const kindOf = (value: object) => `${value.constructor.name}, ${isMainThread ? "here" : "there"}`;

export const routed = new Dag<any>("routed");
routed.node("pick", () => route("email", 1));
routed.switch("sent", {
  needs: ["pick"],
  cases: { email: (n: number) => ["email", n, isMainThread], post: (n: number) => ["post", n, isMainThread] },
});
routed.node("list", (ctx: Context) => {
  const first = route("email", { n: 1 });
  ctx.metadata.last = route("post", 3);
  return { all: [first, route("post", first), first], byName: new Map([["d", decide(false, first)]]) };
});
routed.node("seen", { needs: ["list"] }, ({ all, byName }: any, ctx: Context) => {
  const [first, second, third] = all;
  return {
    kinds: [first, second, byName.get("d"), ctx.metadata.last as object].map(kindOf),
    same: [
      first === third,
      second.value === first,
      byName.get("d").value === first,
      (ctx.get("list") as any).all === all,
    ],
  };
});
routed.node("routes", () => [route("email", 1), route("post", 2), route("email", 3)]);
routed.map(
  "all",
  { needs: ["routes"] },
  { cases: { email: (n: number) => ["email", n, isMainThread], post: (n: number) => ["post", n, isMainThread] } },
);
routed.select("select", { backend: "thread" }, () => route("b", isMainThread));
routed.node("onA", { needs: ["select.a"] }, () => "a");
routed.node("onB", { needs: ["select.b"] }, (wasHere: boolean) => ["b", wasHere]);
routed.condition("isOk", { backend: "thread" }, () => decide(false, isMainThread));
routed.node("ok", { needs: ["isOk.true"] }, () => "ok");
routed.node("bad", { needs: ["isOk.false"] }, (wasHere: boolean) => ["bad", wasHere]);
