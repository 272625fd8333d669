/** A database with services that suffer, and runs that they are to drive all the same. */
import { afterEach, expect } from "vitest";
import { Client } from "dagwright/service";
import type { SqlStore } from "dagwright/store";
import type { ChaosSettings } from "./chaos-service.js";
import { KnownWorkflows } from "../../lib/service/known-workflows.js";
import { bundled } from "./bundled.js";
import {
  countEnds,
  endsOf,
  expectNoneBeside,
  expectNoneRepeated,
  expectOrdered,
  Fleet,
  Ledger,
  type Line,
} from "./chaos.js";
import { chaosWorkflows } from "./chaos-workflows.js";
import type { OpenSubject } from "./store-subjects.js";
import { sleep } from "./waiting.js";

const ITEMS = ["a", "b", "c"];
/** How many runs are submitted at once. */
const SENDERS = 20;

const isCollector = (i: number) => i % 4 === 3;
const idOf = (i: number) => (isCollector(i) ? `c${i}` : `o${i}`);

/** Opens scenes for the specs of a file, and closes them afterwards. */
export function useScenes() {
  const script = bundled("chaos-service");
  const open: ChaosScene[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((scene) => scene.close()));
  });
  /** @param services - the settings of the services that start at once, on an empty database */
  return async (subject: OpenSubject, services: readonly ChaosSettings[]): Promise<ChaosScene> => {
    const scene = await ChaosScene.open(subject, script, services);
    open.push(scene);
    return scene;
  };
}

export class ChaosScene {
  readonly workflows: ReturnType<typeof chaosWorkflows>;
  readonly fleet: Fleet;
  readonly client: Client;
  private readonly store: SqlStore;

  private constructor(
    readonly subject: OpenSubject,
    readonly ledger: Ledger,
    script: string,
  ) {
    this.workflows = chaosWorkflows(ledger.path);
    this.fleet = new Fleet(script, subject.address(), ledger);
    this.store = subject.open();
    this.client = new Client({ store: this.store, workflows: Object.values(this.workflows), queue: subject.queue?.() });
  }

  static async open(subject: OpenSubject, script: string, services: readonly ChaosSettings[]): Promise<ChaosScene> {
    await subject.reset();
    const scene = new ChaosScene(subject, new Ledger(), script);
    await Promise.all(services.map((settings) => scene.fleet.start(settings)));
    await scene.client.list();
    await countEnds(subject);
    return scene;
  }

  /** Submits runs, and sends them their events: some before they wait, some twice. Most are orders. */
  async work(runs: number): Promise<void> {
    const { client, workflows } = this;
    const order = async (i: number) => {
      const run = await client.submit(workflows.orders, { runId: idOf(i), delay: i % 5 === 0 ? 200 : undefined });
      await sleep(Math.random() * 500);
      const times = i % 3 === 0 ? 2 : 1;
      for (let n = 0; n < times; n++) await client.send(run.runId, "PAID", `payment ${i}`, { key: "payment" });
    };
    const collect = async (i: number) => {
      const { runId } = await client.submit(workflows.collectors, { runId: idOf(i) });
      for (const item of ITEMS) {
        if (i % 8 === 3) await sleep(Math.random() * 200);
        await client.send(runId, "ITEM", item, { key: item });
        if (i % 3 === 0) await client.send(runId, "ITEM", item, { key: item });
      }
      await client.send(runId, "END", undefined, { key: "end" });
    };
    const queue = Array.from({ length: runs }, (_, i) => i);
    const sender = async () => {
      for (let i = queue.shift(); i !== undefined; i = queue.shift()) await (isCollector(i) ? collect(i) : order(i));
    };
    await Promise.all(Array.from({ length: SENDERS }, sender));
  }

  /** How long it takes to claim a run of `patients`, time after time, in ms. No service may run. */
  async claimTimes(times: number): Promise<number[]> {
    const { patients } = this.workflows;
    const workflows = new KnownWorkflows("service", [patients]).structures;
    const taken: number[] = [];
    for (let i = 0; i < times; i++) {
      const { runId: submitted } = await this.client.submit(patients);
      const began = performance.now();
      const { runs } = await this.store.queue.claimNext({ workflows, limit: 10 });
      taken.push(performance.now() - began);
      expect(runs.map(({ runId }) => runId)).toEqual([submitted]);
    }
    return taken;
  }

  /**
   * Has runs worked while services are killed all the time, and others started, until all runs have ended.
   * @param fire - the minimum number of processes to kill, how many services there are, and their settings
   */
  async workUnderFire(
    runs: number,
    {
      kills,
      services,
      settings,
    }: { readonly kills: number; readonly services: number; readonly settings: ChaosSettings },
  ): Promise<void> {
    const { fleet } = this;
    let killed = 0;
    let isOver = false;
    const kill = async () => {
      const starts: Promise<unknown>[] = [];
      // The moments get later and later, so that work is done between them, even on a slow machine.
      for (let longest = 300; !isOver; longest *= 1.02) {
        await sleep(Math.random() * longest);
        const processes = Array.from(fleet.processes);
        await fleet.kill(processes[Math.floor(Math.random() * processes.length)]);
        killed++;
        const started = fleet.start(settings);
        starts.push(started);
        if (processes.length < services - 1) await started;
      }
      await Promise.all(starts);
    };
    const killing = kill();
    await this.work(runs);
    while ((await this.countEnded()) < runs || killed < kills) await sleep(250);
    isOver = true;
    await killing;
  }

  async countEnded(): Promise<number> {
    return (await endsOf(this.subject)).size;
  }

  async ended(runs: number): Promise<void> {
    while ((await this.countEnded()) < runs) await sleep(250);
  }

  /**
   * Each run has ended once, no completed call was repeated, no event was lost or taken twice, no delay was cut short.
   * @param mayBeBeside - whether calls in flight may be made elsewhere although their process lives
   */
  async expectWhole(runs: number, { mayBeBeside = false } = {}): Promise<void> {
    const ends = await endsOf(this.subject);
    for (const [runId, statuses] of ends) expect([runId, statuses]).toEqual([runId, ["completed"]]);
    const told = this.ledger.byRun();
    for (let i = 0; i < runs; i++) {
      const lines = told.get(idOf(i)) ?? [];
      if (!mayBeBeside) expectNoneBeside(lines);
      if (isCollector(i)) await this.expectCollected(i, lines);
      else await this.expectPaid(i, lines);
    }
    expect(await this.subject.rows("select * from events where taken_at is null")).toEqual([]);
  }

  /** Some runs were driven by one process after another: what happened to the services has met runs in flight. */
  expectTakenOver(): void {
    const drivers = Array.from(this.ledger.byRun().values(), (lines) => {
      return new Set(lines.filter(({ what }) => what !== "kill").map(({ pid }) => pid)).size;
    });
    expect(Math.max(...drivers)).toBeGreaterThan(1);
  }

  private async expectCollected(i: number, lines: readonly Line[]): Promise<void> {
    expectNoneRepeated(lines, ITEMS);
    const { details } = (await this.client.get(idOf(i))) ?? {};
    const taken = details?.cycles.filter(({ event }) => event === "ITEM").map(({ input }) => input?.value);
    expect(taken).toEqual(ITEMS);
  }

  private async expectPaid(i: number, lines: readonly Line[]): Promise<void> {
    expectOrdered(lines);
    const { details } = (await this.client.get(idOf(i))) ?? {};
    expect(details?.attempts.filter(({ status }) => status === "completed")).toHaveLength(5);
    expect(details?.outputs).toEqual({ ship: `payment ${i}` });
  }

  async close(): Promise<void> {
    await this.fleet.close();
    await this.client.close();
    await this.store.close();
    this.ledger.remove();
  }
}
