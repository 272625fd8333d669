/** Workflows and runs that show what a studio has to show. */
import { z } from "zod";
import { Dag, Fsm, next, PauseRun, stop } from "dagwright";
import type { SqlStore } from "dagwright/store";

/** Reports: branches, a map, a retry, a workflow inside, a pause. */
export function reports(): Dag<any> {
  const inner = new Dag<any>("render");
  inner.node("layout", { params: ["merge"] }, (merge: { total: number }) => ({ pages: merge.total }));
  inner.node("typeset", { needs: ["layout"] }, (layout: { pages: number }) => `${layout.pages} pages`);

  const dag = new Dag<any>("reports", {
    inputs: {
      request: z.object({
        customer: z.string().describe("Who gets the report"),
        quarter: z.enum(["Q1", "Q2", "Q3", "Q4"]),
        limit: z.number().int().min(1).max(100).optional(),
        draft: z.boolean().optional(),
      }),
    },
  });
  let calls = 0;
  dag.node("fetch", { retry: 2, description: "Reads the orders of a customer" }, (request: { customer: string }) => {
    if (++calls % 2 === 1) throw new Error("The server of orders did not answer in time.");
    return { customer: request.customer, orders: [120, 80, 45, 310, 5] };
  });
  dag.node("orders", { needs: ["fetch"] }, (fetch: { orders: number[] }) => fetch.orders);
  dag.map("enrich", { needs: ["orders"] }, (order: number) => ({ order, tax: order * 0.19 }));
  dag.condition("large", { needs: ["orders"] }, (orders: number[]) => orders.reduce((a, b) => a + b, 0) > 500);
  dag.node("audit", { needs: ["large.true"] }, () => ({ audited: true }));
  dag.node("skim", { needs: ["large.false"] }, () => ({ audited: false }));
  dag.any("checked", { needs: ["audit", "skim"] }, (found: object) => found);
  dag.node("merge", { needs: ["enrich", "checked"] }, (enrich: unknown[], checked: object) => ({
    total: enrich.length,
    ...checked,
  }));
  dag.node("render", inner);
  dag.node("approve", { needs: ["render.typeset"] }, () => {
    throw new PauseRun("Does the report look right?");
  });
  dag.node("send", { needs: ["approve"] }, (approve: unknown) => ({ sent: approve }));
  return dag;
}

/** A dag that fails with an error that has a cause. */
export function imports(): Dag<any> {
  const dag = new Dag<any>("imports");
  dag.node("read", { params: ["file"] }, (file: string) => ({ file, rows: 3 }));
  dag.node("parse", { needs: ["read"] }, (read: { file: string }) => {
    if (read.file.endsWith(".bad")) {
      throw new TypeError(`Row 2 of ${read.file} has no price.`, { cause: new RangeError("Column 7 is empty.") });
    }
    return [1, 2, 3];
  });
  dag.node("load", { needs: ["parse"] }, (parse: number[]) => parse.length);
  return dag;
}

/** A machine that goes round until it is done. */
export function elevator(): Fsm<any> {
  const fsm = new Fsm<any>("elevator");
  fsm.state("idle", { initial: true, to: ["moving"] }, () => next("moving", { floor: 0 }));
  fsm.state("moving", { to: ["moving", "doors"] }, (at: { floor: number }) =>
    at.floor < 3 ? next("moving", { floor: at.floor + 1 }) : next("doors", at),
  );
  fsm.state("doors", { to: ["parked"] }, (at: { floor: number }) => next("parked", at));
  fsm.state("parked", (at: { floor: number }) => stop(at));
  return fsm;
}

/** Records a run of everything, with these ids. */
export async function recordScene(store: SqlStore): Promise<void> {
  const request = { customer: "Ada Lovelace", quarter: "Q3" };
  await reports().run({ store, runId: "report-1", inputs: { request } });
  await imports().run({ store, runId: "import-1", inputs: { file: "prices.csv" } });
  await imports()
    .run({ store, runId: "import-2", inputs: { file: "prices.bad" } })
    .catch(() => {});
  await elevator().run({ store, runId: "elevator-1" });
}
