/** Compile-time checks of transforms, whose results follow from the handles that they need. */
import { Dag, optional, transforms, type NodeHandle } from "dagwright";

const { merge, project, field, template, and, or, not, coalesce, zip, literal, mapEach, filter, every, some } =
  transforms;

type Same<A, B> = (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false;
const is = <T>() => ({ of: <A>(_: NodeHandle<A, any>, same: Same<A, T>) => same });

const dag = new Dag("typed");
const a = dag.node("a", () => ({ id: 1, name: "x" as string | undefined }));
const b = dag.node("b", async () => ({ id: "1", at: { day: 2 } }));
const list = dag.node("list", () => [{ n: 1 }]);
const flag = dag.node("flag", () => true);
const word = dag.node("word", () => "w" as string | undefined);
const count = dag.node("count", () => 1);

const both = dag.node("both", { needs: [a, b] }, merge);
is<{ id: string; name: string | undefined; at: { day: number } }>().of(both, true);
is<{ id: string; name: string | undefined; at: { day: number }; n: number }[]>().of(
  dag.node("three", { needs: [a, b, list] }, merge),
  true,
);
is<{ n: number; id: string; at: { day: number } }[]>().of(dag.node("lb", { needs: [list, b] }, merge), true);
is<{ id: string; at: { day: number }; n: number }[]>().of(dag.node("bl", { needs: [b, list] }, merge), true);
is<{ n: number }[]>().of(dag.node("ll", { needs: [list, list] }, merge), true);
is<Pick<{ id: number; name: string | undefined }, "id">>().of(dag.node("id", { needs: [a] }, project("id")), true);
is<number>().of(dag.node("day", { needs: [b] }, field("at.day")), true);
is<undefined>().of(dag.node("typo", { needs: [b] }, field("at.dya")), true);
is<string>().of(dag.node("letter", { needs: [b] }, template`Dear ${"id"}`), true);
is<boolean>().of(dag.node("and", { needs: [flag, flag] }, and), true);
is<boolean>().of(dag.node("or", { needs: [flag] }, or), true);
is<boolean>().of(dag.node("not", { needs: [flag] }, not), true);
is<string | number>().of(dag.node("some", { needs: [word, count] }, coalesce), true);
is<string | undefined>().of(dag.node("maybe", { needs: [word, optional(word)] }, coalesce), true);
const zipped = dag.node("zipped", { needs: [list, list] }, zip);
dag.node("pairs", { needs: [zipped] }, (pairs: [{ n: number }, { n: number }][]) => pairs);
// @ts-expect-error there are pairs of records
dag.node("noPairs", { needs: [zipped] }, (pairs: [{ n: number }, string][]) => pairs);
is<"eur">().of(dag.node("currency", literal("eur")), true);
is<number[]>().of(
  dag.node(
    "ns",
    { needs: [list] },
    mapEach((item) => item.n),
  ),
  true,
);
is<{ n: number }[]>().of(
  dag.node(
    "big",
    { needs: [list] },
    filter((item) => item.n > 1),
  ),
  true,
);
is<boolean>().of(
  dag.node(
    "all",
    { needs: [list] },
    every((item) => item.n > 1),
  ),
  true,
);
is<boolean>().of(
  dag.node(
    "any",
    { needs: [list] },
    some((item) => item.n > 1),
  ),
  true,
);

// @ts-expect-error a number has no fields to merge
dag.node("e1", { needs: [a, count] }, merge);
// @ts-expect-error a string is no boolean
dag.node("e2", { needs: [flag, word] }, and);
// @ts-expect-error a record is no list
dag.node("e3", { needs: [list, a] }, zip);
// @ts-expect-error a number has no fields
dag.node("e4", { needs: [count] }, field("x"));
// @ts-expect-error a record is no list
dag.node("e5", { needs: [a] }, mapEach(String));
