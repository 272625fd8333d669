/** The workflows of services that are killed, stopped and cut off. */
import { appendFileSync } from "node:fs";
import { Dag, Fsm, next, stop, waitForEvent, type Context, type FsmContext } from "dagwright";
import { sleep } from "./waiting.js";

/** The delay of an order's node `rest`, in ms. */
export const DELAY = 100;

/** How long runs of `patients` wait, in ms. */
const PATIENCE = 300_000;

/** In the order in which they start: each needs what the one before gave. */
export const STEPS = ["charge", "paid", "rest", "pack", "ship"] as const;

/** When the process started, by the clock of the machine, in ms. */
const STARTED = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** What a process tells of a call. */
export type Told = "call" | "return";

/**
 * Appends a line to a ledger that all processes share: one write, so that lines stay whole, in the order of time. The
 * time is the machine's own, whatever the process takes for the time of day.
 */
export function tellLedger(path: string, what: Told | "kill", pid: number, runId = "-", call = "-"): void {
  appendFileSync(path, `${what} ${pid} ${runId} ${call} ${performance.now() + STARTED}\n`);
}

/** Orders that take an event and sleep, collectors that take several events in turn. */
export function chaosWorkflows(ledger: string, slowest = 10) {
  const told = async <T>({ runId }: Pick<Context, "runId">, call: string, value: T): Promise<T> => {
    tellLedger(ledger, "call", process.pid, runId, call);
    await sleep(Math.random() * slowest);
    tellLedger(ledger, "return", process.pid, runId, call);
    return value;
  };
  const orders = new Dag<any>("orders");
  orders.node("charge", { params: ["ctx"] }, (ctx: Context) => told(ctx, "charge", 1));
  orders.event("paid", { event: "PAID", needs: ["charge"] }, (payment: string, _charge: number, ctx: Context) =>
    told(ctx, "paid", payment),
  );
  orders.node("rest", { needs: ["paid"], params: ["paid", "ctx"], delay: DELAY }, (paid: string, ctx: Context) =>
    told(ctx, "rest", paid),
  );
  orders.node("pack", { needs: ["rest"], params: ["rest", "ctx"] }, (rest: string, ctx: Context) =>
    told(ctx, "pack", rest),
  );
  orders.node("ship", { needs: ["pack"], params: ["pack", "ctx"] }, (pack: string, ctx: Context) =>
    told(ctx, "ship", pack),
  );

  const collectors = new Fsm<any>("collectors");
  collectors.state("idle", { initial: true }, () => waitForEvent({ ITEM: "item", END: "end" }));
  collectors.state("item", async (item: string, ctx: FsmContext) => (await told(ctx, item, item), next("idle")));
  collectors.state("end", () => stop("end"));

  // A run of it waits for longer than any clock here is wrong.
  const patients = new Dag<any>("patients");
  patients.node("later", { delay: PATIENCE, params: ["ctx"] }, (ctx: Context) => told(ctx, "later", 1));
  patients.event("signed", { event: "SIGN", timeout: PATIENCE }, (_signature: string, ctx: Context) =>
    told(ctx, "signed", 1),
  );
  patients.event("poked", { event: "POKE" }, (_poke: string, ctx: Context) => told(ctx, "poked", 1));

  const naps = new Fsm<any>("naps");
  naps.state("asleep", { initial: true }, () => waitForEvent({ POKE: "poked" }, { after: [DELAY, "awake"] }));
  naps.state("poked", () => next("asleep"));
  naps.state("awake", async (ctx: FsmContext) => (await told(ctx, "awake", 1), stop("awake")));
  const poisoned = new Dag<any>("poisoned");
  poisoned.node("poison", { params: ["ctx"] }, async ({ runId }: Context) => {
    tellLedger(ledger, "call", process.pid, runId, "poison");
    await sleep(50);
    process.kill(process.pid, "SIGKILL");
  });
  const slow = new Dag<any>("slow");
  slow.node("work", { params: ["ctx"] }, (ctx: Context) => sleep(2000).then(() => told(ctx, "work", 1)));
  const quick = new Dag<any>("quick");
  quick.node("work", { params: ["ctx"] }, (ctx: Context) => told(ctx, "work", 1));
  return { orders, collectors, patients, naps, poisoned, slow, quick };
}
