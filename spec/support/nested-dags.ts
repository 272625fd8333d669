import { Dag, type Fsm } from "dagwright";

/** A dag whose node `work` does what `fn` does, and `after` takes its result. */
export function inner(fn: (...args: any[]) => unknown, options: object = {}): Dag<any> {
  const dag = new Dag<any>("inner", options);
  dag.node("work", fn);
  dag.node("after", { needs: ["work"] }, (work: unknown) => work);
  return dag;
}

/** A dag whose node `child` is a workflow, and whose `end` takes its result. */
export function outer(child: Dag<any> | Fsm<any>, options: object = {}): Dag<any> {
  const dag = new Dag<any>("outer");
  dag.node("child", options, child);
  dag.node("end", { needs: ["child"] }, (child: unknown) => child);
  return dag;
}
