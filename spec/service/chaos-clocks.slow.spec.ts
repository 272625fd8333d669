import { expect, it } from "vitest";
import { useScenes, type ChaosScene } from "../support/chaos-scene.js";
import { withPostgres } from "../support/postgres.js";
import { postgresSubject } from "../support/store-subjects.js";
import { sleep, until } from "../support/waiting.js";

const RUNS = 40;

/** Sets the clock of a process ahead by 10 minutes. */
const AHEAD = `
  const RealDate = Date;
  globalThis.Date = class extends RealDate {
    constructor(...args) { super(...(args.length === 0 ? [RealDate.now() + 600_000] : args)); }
    static now() { return RealDate.now() + 600_000; }
  };`;

await withPostgres((server) => {
  const open = useScenes();
  const start = async (...services: object[]) => open(await postgresSubject(server)(), services);
  const isAtRest = async ({ client }: ChaosScene, runId: string) => (await client.get(runId))?.status === "waiting";
  const calls = ({ ledger }: ChaosScene) => ledger.lines().flatMap(({ what, call }) => (what === "call" ? call : []));

  it("Services share runs with one whose clock is 10 minutes ahead", async () => {
    const scene = await start({});
    await scene.fleet.start({}, AHEAD);
    await scene.work(RUNS);
    await scene.ended(RUNS);
    await scene.expectWhole(RUNS);
    expect(scene.fleet.errors).toBe("");
  }, 120_000);

  it("A service whose clock is 10 minutes ahead begins no wait that ends 10 minutes late", async () => {
    const scene = await start();
    await scene.fleet.start({}, AHEAD);
    await scene.work(1);
    const nap = await scene.client.submit(scene.workflows.naps);
    await scene.ended(2);
    await scene.expectWhole(1);
    expect((await nap.result()).value).toBe("awake");
  }, 60_000);

  it("A service whose clock is 10 minutes ahead ends no wait early that another one began", async () => {
    const scene = await start({});
    const [punctual] = scene.fleet.processes;
    const { client } = scene;
    const { runId } = await client.submit(scene.workflows.patients);
    await until(() => isAtRest(scene, runId));
    await scene.fleet.stop(punctual);
    await scene.fleet.start({}, AHEAD);
    await client.send(runId, "POKE");
    await until(() => calls(scene).includes("poked"));
    await until(() => isAtRest(scene, runId));
    await sleep(500);
    expect(calls(scene)).toEqual(["poked"]);
    await client.send(runId, "SIGN");
    await until(() => calls(scene).includes("signed"));
  }, 60_000);
});
