import { Dag } from "dagwright";
import { Client, Service, type ServiceQueue, type SubmittedRun } from "dagwright/service";
import type { SqlStore } from "dagwright/store";
import { CONCURRENCY, type Contender, idOf, type Watch } from "./contender.js";

/** The two workflows. */
function workflows(watch: Watch) {
  const add = new Dag<any>("add");
  add.node("sum", (n: number) => {
    watch.begun(n);
    return n + 1;
  });
  const wait = new Dag<any>("wait");
  wait.event("go", { params: ["payload", "n"] } as never, ((_payload: unknown, n: number) => watch.begun(n)) as never);
  return { add, wait };
}

/** A service on a store, which is closed with it. */
export async function dagwright(name: string, store: SqlStore, watch: Watch, queue?: ServiceQueue): Promise<Contender> {
  const { add, wait } = workflows(watch);
  const service = new Service({ store, queue, workflows: [add, wait], concurrency: CONCURRENCY });
  await service.start();
  return contender(name, store, service, add, wait, () => service.close({ grace: 0 }));
}

/** A client on a store, of which another process has the service. */
export function dagwrightClient(name: string, store: SqlStore, queue?: ServiceQueue): Contender {
  const { add, wait } = workflows({ begun: () => {} });
  const client = new Client({ store, queue, workflows: [add, wait] });
  return contender(name, store, client, add, wait, () => client.close());
}

function contender(
  name: string,
  store: SqlStore,
  client: Client,
  add: Dag<any>,
  wait: Dag<any>,
  close: () => Promise<void>,
): Contender {
  const submitted: SubmittedRun<any>[] = [];
  return {
    name,
    async submit(n, due) {
      submitted.push(await client.submit(add, { inputs: { n }, delay: due }));
    },
    async finish() {
      const results = await Promise.all(submitted.splice(0).map((run) => run.result()));
      return results.reduce((sum: number, { value }) => sum + (value as number), 0);
    },
    events: {
      async begin(n) {
        const runId = idOf("waits", n);
        await client.submit(wait, { inputs: { n }, runId });
        while ((await client.get(runId))?.status !== "waiting") await new Promise((resolve) => setTimeout(resolve, 5));
      },
      send: (n) => client.send(idOf("waits", n), "go", {}),
    },
    async close() {
      await close();
      await store.close();
    },
  };
}
