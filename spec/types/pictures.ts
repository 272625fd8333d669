/** Compile-time checks of pictures: what can be drawn, and how. */
import { Dag, Fsm, node, state, stop } from "dagwright";
import { timelineSVG, toPNG, toSVG } from "dagwright/pictures";
import { sqliteStore } from "dagwright/store";

class Sums {
  @node one() {
    return 1;
  }
  @node("one") two(one: number) {
    return one + 1;
  }
}
class Door {
  @state({ initial: true }) open() {
    return stop("shut");
  }
}

export async function draw() {
  const store = sqliteStore(":memory:");
  const dag = Dag.from(Sums);
  const fsm = Fsm.from(Door);
  const [sums, door] = [await dag.run({ store }), await fsm.run()];
  const recorded = await store.getRun(sums.runId);
  await Promise.all([toSVG(dag), toSVG(fsm), toSVG(sums), toSVG(door), toPNG(dag, { run: sums, theme: "dark" })]);
  timelineSVG(sums);
  // @ts-expect-error there may be no run with this id
  await toSVG(recorded);
  if (recorded === undefined) return;
  await toSVG(dag, { run: recorded, theme: "auto" });
  timelineSVG(recorded, { theme: "auto" });
  // @ts-expect-error an image is light or dark
  await toPNG(recorded, { theme: "auto" });
  // @ts-expect-error a class is no workflow
  await toSVG(Sums);
  // @ts-expect-error a workflow has no times
  timelineSVG(dag);
}
