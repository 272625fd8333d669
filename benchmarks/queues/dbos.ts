import { DBOS, DBOSClient, type WorkflowHandle } from "@dbos-inc/dbos-sdk";
import { CONCURRENCY, type Contender, type Events, idOf, type Watch } from "./contender.js";

/** How often it looks for work, in ms: it is told of none. By default, it is once a second. */
export const DBOS_INTERVAL = 10;

const QUEUE = "bench";
const TOPIC = "go";

const quiet = () => {};

/** DBOS has one instance a process. */
export async function dbos(url: string, watch: Watch): Promise<Contender> {
  DBOS.setConfig({
    name: "bench",
    systemDatabaseUrl: url,
    logger: { info: quiet, debug: quiet, warn: quiet, error: (message) => console.error(message) },
  });
  const work = async (n: number) => {
    watch.begun(n);
    return n + 1;
  };
  const add = DBOS.registerWorkflow((n: number) => DBOS.runStep(() => work(n), { name: "sum" }), { name: "add" });
  const waitFor = async (n: number) => {
    await DBOS.recv(TOPIC, 600);
    watch.begun(n);
  };
  const wait = DBOS.registerWorkflow(waitFor, { name: "wait" });
  await DBOS.launch();
  await DBOS.registerQueue(QUEUE, { workerConcurrency: CONCURRENCY, minPollingIntervalMs: DBOS_INTERVAL });
  const handles: WorkflowHandle<number>[] = [];
  return {
    name: "DBOS",
    async submit(n, due) {
      const delaySeconds = due === undefined ? undefined : Math.max(0, due.getTime() - Date.now()) / 1000;
      const options = { queueName: QUEUE, enqueueOptions: { delaySeconds } };
      handles.push(await DBOS.startWorkflow(add, options)(n));
    },
    async finish() {
      const results = await Promise.all(handles.splice(0).map((handle) => handle.getResult()));
      return results.reduce((sum, result) => sum + result, 0);
    },
    events: {
      async begin(n) {
        await DBOS.startWorkflow(wait, { workflowID: idOf("waits", n) })(n);
        // It does not tell whether it waits.
        await new Promise((resolve) => setTimeout(resolve, 200));
      },
      send: (n) => DBOS.send(idOf("waits", n), {}, TOPIC),
    },
    close: () => DBOS.shutdown(),
  };
}

/** Begins and sends what another process drives. */
export async function dbosEvents(url: string): Promise<Events & { close(): Promise<void> }> {
  const client = await DBOSClient.create({ systemDatabaseUrl: url });
  return {
    async begin(n) {
      await client.enqueue({ workflowName: "wait", queueName: QUEUE, workflowID: idOf("waits", n) }, n);
      await new Promise((resolve) => setTimeout(resolve, 300));
    },
    send: (n) => client.send(idOf("waits", n), {}, TOPIC),
    close: () => client.destroy(),
  };
}
