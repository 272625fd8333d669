/** Workflows whose remote nodes write to a ledger what they are called with, and what they give. */
import { Dag, type Backend, type Context } from "dagwright";
import { tellLedger } from "./chaos-workflows.js";
import { sleep } from "./waiting.js";

/** The items of the map `stamps`. */
export const STAMPS = [0, 1, 2];

let calls = 0;

/**
 * Each remote node gives a token that no other call gives, so that the ledger says which call each result is of.
 * @param carrier - the backend of the remote nodes; workers need none
 */
export function mail(ledger: string, carrier?: Backend) {
  const told = async ({ runId }: Context, call: string): Promise<string> => {
    tellLedger(ledger, "call", process.pid, runId, call);
    await sleep(Math.random() * 10);
    const token = `${process.pid}-${++calls}`;
    tellLedger(ledger, "return", process.pid, runId, `${call.split(":")[0]}:${token}`);
    return token;
  };
  const dagOf = (name: string) => {
    const dag = new Dag<any>(name, {
      runOptions: { mode: "hybrid" },
      ...(carrier === undefined ? {} : { backends: { carrier } }),
    });
    const away = { backend: "carrier", retry: { retries: 1000, delay: 10, backoff: "fixed" } } as const;
    dag.node("weigh", { ...away, params: ["ctx"] }, (ctx: Context) => told(ctx, "weigh"));
    dag.node("label", { ...away, needs: ["weigh"], params: ["weigh", "ctx"] }, (weigh: string, ctx: Context) =>
      told(ctx, `label:${weigh}`),
    );
    dag.node("list", () => STAMPS);
    dag.map("stamps", { ...away, needs: ["list"], params: ["stamp", "ctx"] }, (stamp: number, ctx: Context) =>
      told(ctx, `stamp${stamp}`),
    );
    dag.node(
      "ship",
      { needs: ["weigh", "label", "stamps"], params: ["weigh", "label", "stamps", "ctx"] },
      (weigh: string, label: string, stamps: string[], { runId }: Context) => {
        const taken = [weigh, label, ...stamps].join();
        tellLedger(ledger, "call", process.pid, runId, `ship:${taken}`);
        return taken;
      },
    );
    return dag;
  };
  return { parcels: dagOf("parcels"), letters: dagOf("letters") };
}
