import { setTimeout as sleep } from "node:timers/promises";
import { Dag, Fsm, next, optional, PauseRun, route, stop, stream, waitForEvent } from "dagwright";
import { until } from "./waiting.js";
import { sqliteStore, type RunDetails } from "dagwright/store";
import type { Drawable, DrawnRun, PictureOptions } from "dagwright/pictures";

/** What a picture is made of. */
export interface Pictured {
  readonly drawable: Drawable;
  readonly options?: Omit<PictureOptions, "theme">;
}

const busy = (ms: number) => () => sleep(ms, ms);

/** Branches, a join, a cached node, an order, and a path that is not taken. */
export function etl(): Dag<any> {
  const dag = new Dag<any>("nightly import", { description: "Loads, checks and publishes the orders of a day" });
  dag.node("fetch", { description: "From the warehouse's API" }, busy(30));
  dag.node("parse", { needs: ["fetch"] }, busy(12));
  dag.cachedNode("exchangeRates", { needs: [] }, busy(4));
  dag.condition("isComplete", { needs: ["parse"] }, () => true);
  dag.node("enrich", { needs: ["isComplete.true", "exchangeRates"] }, busy(20));
  dag.node("requestMissing", { needs: ["isComplete.false"] }, busy(1));
  dag.node("waitForMissing", { needs: ["requestMissing"] }, busy(1));
  dag.any("orders", { needs: ["enrich", "waitForMissing"] }, (orders: unknown) => orders);
  dag.node("publish", { needs: ["orders"] }, busy(15));
  dag.node("notify", { needs: [optional("requestMissing")], after: ["publish"] }, busy(2));
  return dag;
}

/** A dag with a dag, which has another one, and with an fsm. */
export function nested(): Dag<any> {
  const credit = new Dag<any>("credit");
  credit.node("history", (limit: number) => sleep(3, limit));
  credit.node("score", { needs: ["history"] }, (history: number) => history);
  credit.condition("isGood", { needs: ["score"] }, (score: number) => score > 1);
  const check = new Dag<any>("check");
  check.node("total", () => sleep(5, 77));
  check.node("stock", () => sleep(9, 3));
  check.node("credit", credit);
  check.all("verdict", { needs: ["total", "stock", "credit.isGood"] }, () => true);
  const parcel = new Fsm<any>("parcel");
  parcel.state("pack", { initial: true, to: ["weigh"] }, (kg = 4) => next("weigh", kg));
  parcel.state("weigh", { to: ["pack", "label"] }, (kg: number) => (kg > 3 ? next("pack", 2) : next("label")));
  parcel.state("label", { terminal: true }, () => stop("4711"));
  const orders = new Dag<any>("orders");
  orders.node("items", () => ["book", "globe"]);
  orders.node("check", { needs: [], after: ["items"] }, check);
  orders.node("parcel", { after: ["check"] }, parcel);
  orders.node("invoice", { needs: ["items", "check.verdict"] }, () => sleep(6, "paid"));
  orders.node("ship", { needs: ["parcel", "invoice"] }, () => "4711");
  return orders;
}

/** Maps, some of whose items fail. */
export function mapped(): Dag<any> {
  const dag = new Dag<any>("thumbnails");
  dag.node("list", () => Array.from({ length: 40 }, (_, i) => i));
  dag.map("download", { needs: ["list"], concurrency: 8 }, (i: number) => sleep(2, i));
  dag.map("resize", { needs: ["download"], onItemError: "skip", retry: 1 }, (i: number) => {
    if (i % 13 === 5) throw new Error(`image ${i} is broken`);
    return i;
  });
  dag.map("upload", { needs: ["resize"] }, (i: number) => sleep(1, i));
  dag.node("index", { needs: ["upload", "list"] }, () => 37);
  return dag;
}

/** An fsm with cycles, conditions, an error state and states that are not visited. */
export function machine(): Fsm<any> {
  const fsm = new Fsm<any>("order", { errorState: "failed" });
  fsm.state("created", { initial: true, to: ["paid", "cancelled"] }, () => next("paid", 1));
  fsm.state("paid", { to: ["packed", "refunded"] }, () => next("packed", 1));
  fsm.state("packed", { to: ["packed", "shipped"] }, (n: number) => (n < 3 ? next("packed", n + 1) : next("shipped")));
  fsm.state("shipped", { to: ["delivered", "paid"] }, () => next("delivered"));
  fsm.state("delivered", { terminal: true }, () => stop("done"));
  fsm.state("refunded", { terminal: true }, () => stop());
  fsm.state("cancelled", { terminal: true }, () => stop());
  fsm.state("failed", { terminal: true }, () => stop());
  return fsm;
}

/** A run that goes on after failures. */
export function failing(): Dag<any> {
  const dag = new Dag<any>("backup", { errorStrategy: "continue" });
  dag.node("snapshot", busy(8));
  dag.node("compress", { needs: ["snapshot"] }, busy(14));
  dag.node("upload", { needs: ["compress"], retry: 2 }, () =>
    Promise.reject(new Error("the disk is full: 0 bytes left")),
  );
  dag.node("verify", { needs: ["upload"] }, busy(1));
  dag.node("prune", { needs: ["verify"] }, busy(1));
  dag.node("checksum", { needs: ["compress"] }, busy(6));
  dag.node("report", { needs: [optional("upload"), "checksum"] }, busy(2));
  return dag;
}

/** Choices, a switch, and streams. */
export function choosing(): Dag<any> {
  const dag = new Dag<any>("answers");
  dag.node("question", () => "why?");
  dag.select("language", { needs: ["question"] }, () => route("en", "why?"));
  dag.node("english", { needs: ["language.en"] }, busy(2));
  dag.node("german", { needs: ["language.de"] }, busy(2));
  dag.any("text", { needs: ["english", "german"] }, (text: unknown) => text);
  dag.node("isKnown", { needs: ["text"] }, () => false);
  dag.node("recall", busy(1));
  dag.node("think", busy(18));
  dag.when("answer", { if: "isKnown", then: "recall", else: "think" });
  dag.node("words", { needs: ["answer"] }, function* () {
    yield* ["be", "cause"];
  });
  dag.node("speak", { needs: [stream("words")] }, async (words: AsyncIterable<string>) => {
    for await (const word of words) await sleep(1, word);
  });
  dag.coalesce("logged", ["speak", "text"]);
  return dag;
}

/** A dag that waits for events. */
export function waiting(): Dag<any> {
  const dag = new Dag<any>("checkout");
  dag.node("reserve", busy(3));
  dag.event("payment", { event: "PAID", after: ["reserve"] });
  dag.node("reminder", { after: ["reserve"], delay: 3_600_000 }, () => 1);
  dag.node("invoice", { needs: ["payment"] }, () => 1);
  dag.node("deliver", { needs: ["invoice"] }, () => 1);
  return dag;
}

/** An fsm that waits for an event. */
export function waitingMachine(): Fsm<any> {
  const fsm = new Fsm<any>("ticket");
  fsm.state("open", { initial: true, to: ["assigned"] }, () => next("assigned"));
  fsm.state("assigned", { to: ["solved", "open"] }, () => waitForEvent({ SOLVED: "solved", REJECTED: "open" }));
  fsm.state("solved", { terminal: true }, () => stop());
  return fsm;
}

export const HOSTILE: readonly string[] = [
  `say "hi" & 'bye'`,
  "]]><script>alert(1)</script>",
  "</title></svg><img src=x onerror=alert(1)>",
  "two\nlines\r\n\tand a tab",
  "مرحبا بالعالم",
  "\u202Ereversed\u202C and שלום",
  "👩‍👩‍👧‍👦 family 🇩🇪 🎉",
  "日本語のとても長い名前のノードです、はい、とても長いのです",
  "null\0 bell\u0007 lone \ud800 end",
  "x".repeat(10_000),
  "aVeryLongCamelCaseNameThatIsBrokenBetweenItsPartsIfItMustBe",
  "&amp; %PATH% ${x} `y` \\n <!-- -->",
  "{{mustache}} |pipe| [*] #hash;",
  "e\u0301\u0302\u0303".repeat(20),
];

/** What summarises the weather in several ways at once, as one of the samples does. */
export function weather(): Dag<any> {
  const dag = new Dag<any>("weather", { description: "A report on Seattle's weather" });
  dag.node("load", busy(9));
  dag.node("clean", { needs: ["load"] }, busy(14));
  for (const part of ["months", "rainfall", "kinds", "extremes"]) dag.node(part, { needs: ["clean"] }, busy(3));
  dag.condition("isRainy", { needs: ["rainfall"] }, () => true);
  dag.node("rainy", { needs: ["isRainy.true"] }, () => "A rainy place.");
  dag.node("dry", { needs: ["isRainy.false"] }, () => "Drier than its reputation.");
  dag.any("verdict", { needs: ["rainy", "dry"] }, (words: string) => words);
  dag.node("summary", { needs: ["clean", "rainfall", "verdict"] }, () => "dry");
  dag.all("report", { needs: ["summary", "months", "kinds", "extremes"] }, (parts: object) => parts);
  dag.node("chart", { needs: ["months"] }, busy(2));
  return dag;
}

/** A chain of nodes with names that break what is careless. */
export function hostilelyNamed(): Dag<any> {
  const dag = new Dag<any>(`<b>&"names"</b>\n]]>`);
  HOSTILE.forEach((name, i) => {
    if (name.includes(".")) throw new Error("Names of nodes have no dots.");
    dag.node(name, { after: i < 2 ? [] : [HOSTILE[i - 2]], description: name }, () => 1);
  });
  return dag;
}

/** A dag of layers of `width` nodes, each of which needs two of the layer before. */
export function layered(size: number, width: number): Dag<any> {
  const dag = new Dag<any>(`${size} nodes`);
  for (let i = 0; i < size; i++) {
    const [layer, place] = [Math.floor(i / width), i % width];
    const need = (shift: number) => `task ${layer - 1}-${(place + shift) % width}`;
    dag.node(`task ${layer}-${place}`, { after: layer === 0 ? [] : [need(0), need(1 + (place % 3))] }, () => 1);
  }
  return dag;
}

/** What a store tells of a run that it has recorded. */
export async function recorded(workflow: Dag<any> | Fsm<any>, options: object = {}): Promise<RunDetails> {
  await using store = sqliteStore(":memory:");
  const run = await workflow
    .run({ ...options, mode: "async", store } as never)
    .catch((error: { runId: string }) => error);
  return (await store.getRun(run.runId, { depth: Infinity })) as RunDetails;
}

/** What a store tells of a run that waits. */
async function recordedWait(): Promise<RunDetails> {
  await using store = sqliteStore(":memory:");
  const handle = waiting().start({ mode: "async", store, runId: "checkout-5" });
  const read = async () => (await store.getRun("checkout-5")) as RunDetails;
  await until(async () => (await read())?.nodes.get("reminder")?.status === "waiting");
  const details = await read();
  await handle.cancel();
  return details;
}

/** The pictures that are looked at. */
export const PICTURED: Readonly<Record<string, () => Promise<Pictured>>> = {
  "weather-definition": async () => ({ drawable: weather() }),
  etl: async () => ({ drawable: await etl().run({ mode: "async", runId: "import-7" }) }),
  nested: async () => ({
    drawable: await nested().run({ mode: "async", inputs: { limit: 5 }, runId: "order-1" }),
    options: { depth: Infinity },
  }),
  mapped: async () => ({ drawable: await mapped().run({ mode: "async", runId: "thumbs-3" }) }),
  fsm: async () => ({ drawable: await machine().run({ runId: "order-17" }) }),
  "fsm-definition": async () => ({ drawable: machine(), options: { direction: "LR" } }),
  failing: async () => ({ drawable: await failing().run({ mode: "async", runId: "backup-9" }) }),
  choosing: async () => ({ drawable: await choosing().run({ mode: "async", runId: "answer-42" }) }),
  "choosing-definition": async () => ({ drawable: choosing() }),
  hostile: async () => ({ drawable: await hostilelyNamed().run({ runId: `"><script>` }) }),
  "waiting-definition": async () => ({ drawable: waiting() }),
  "waiting-recorded": async () => ({ drawable: await recordedWait() }),
  "fsm-waiting-recorded": async () => ({ drawable: await recorded(waitingMachine()) }),
  "nested-recorded": async () => ({
    drawable: await recorded(nested(), { inputs: { limit: 5 } }),
    options: { depth: 1 },
  }),
  wide: async () => ({ drawable: await layered(600, 200).run({ runId: "wide" }) }),
  "ten-thousand": async () => ({ drawable: await layered(10_000, 400).run({ runId: "ten thousand" }) }),
  thousand: async () => ({ drawable: await layered(1000, 20).run({ runId: "thousand" }) }),
};

/** A run that paused, and was resumed a day later by another process. */
export async function resumed(): Promise<RunDetails> {
  await using store = sqliteStore(":memory:");
  const dag = new Dag<any>("approval");
  dag.node("draft", busy(5));
  dag.node("approve", { needs: ["draft"] }, (_: unknown, approved: boolean | null) => {
    if (approved === null) throw new PauseRun("Is this right?");
    return approved;
  });
  dag.node("publish", { needs: ["approve"] }, busy(8));
  const { runId } = await dag.run({ store, inputs: { approved: null } });
  await dag.resume(runId, { store, provide: { approve: true } });
  return (await store.getRun(runId)) as RunDetails;
}

/** The timelines that are looked at. */
export const TIMELINES: Readonly<Record<string, () => Promise<DrawnRun>>> = {
  etl: () => etl().run({ mode: "async", runId: "import-7" }),
  failing: () => recorded(failing()),
  fsm: () => recorded(machine()),
  mapped: () => recorded(mapped()),
  resumed,
};
