import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RunEvent } from "dagwright";
import type { Client, FollowedEvent, SubmittedRun } from "dagwright/service";
import { followedDag, followedNodes } from "../support/followed-workflows.js";
import { useServices } from "../support/services.js";
import { sqliteSubject } from "../support/store-subjects.js";
import { sleep } from "../support/waiting.js";

/** Those that only the driver of a run sees. */
const UNRECORDED: ReadonlySet<RunEvent["type"]> = new Set<RunEvent["type"]>(["node.ready", "node.progress"]);

const recorded = <E extends RunEvent>(events: readonly E[]) => events.filter(({ type }) => !UNRECORDED.has(type));

/** Observers are told of the end of each drive, also if the run only rests. */
const isRest = (event: RunEvent) =>
  event.type === "run.finished" && (event.status === "paused" || event.status === "waiting");

async function all(events: AsyncIterable<FollowedEvent>): Promise<FollowedEvent[]> {
  const list: FollowedEvent[] = [];
  for await (const event of events) list.push(event);
  return list;
}

/** Follows a run with a loop for each event, which begins after the last one, with another client. */
async function byReconnecting(clients: readonly Client[], run: SubmittedRun<any, any>): Promise<FollowedEvent[]> {
  const list: FollowedEvent[] = [];
  for (let i = 0; ; i++) {
    const events = clients[i % clients.length].events(run, { after: list.at(-1)?.id });
    const { value, done } = await events.next();
    await events.return?.();
    if (done === true) return list;
    list.push(value);
  }
}

/** Answers what a run waits for, until it has ended. */
async function attend(client: Client, { runId }: SubmittedRun<any, any>): Promise<void> {
  for (;;) {
    const run = await client.get(runId);
    if (run === undefined || ["completed", "failed", "cancelled"].includes(run.status)) return;
    if (run.status === "paused") {
      await client.resume(runId, { provide: Object.fromEntries(run.pauses.map(({ node }) => [node, 7])) });
    }
    for (const event of run.waitingFor?.events ?? []) await client.send(runId, event, 1, { key: event });
    await sleep(5);
  }
}

const shown = (events: readonly RunEvent[]) =>
  events.map((event) => [event.runId, event.type, "node" in event ? event.node : ""].join(" "));

describe("The recorded events of a run", () => {
  const { client, service } = useServices(sqliteSubject);

  it("are the same for all who follow it, whenever and wherever, and wherever they begin again", async () => {
    await fc.assert(
      fc.asyncProperty(followedNodes, async (nodes) => {
        const happened: RunEvent[] = [];
        const dag = followedDag(nodes, (event) => happened.push(event));
        const serving = service({ workflows: [dag], pollInterval: 20 });
        const elsewhere = client({ pollInterval: 5 });
        const run = await serving.submit(dag);
        const following = Promise.all([
          all(serving.events(run)),
          all(elsewhere.events(run)),
          byReconnecting([serving, elsewhere], run),
        ]);
        await serving.start();
        await attend(serving, run);
        const [live, remote, reconnected] = await following;
        const later = await all(client().events(run));
        const ids = later.map(({ id }) => id);
        expect(new Set(ids).size).toBe(ids.length);
        expect(recorded(live).map(({ id }) => id)).toEqual(ids);
        expect(remote.map(({ id }) => id)).toEqual(ids);
        expect(recorded(reconnected).map(({ id }) => id)).toEqual(ids);
        for (const [i, { id }] of live.entries()) {
          const rest = await all(elsewhere.events(run, { after: id }));
          expect(rest.map((event) => event.id)).toEqual(recorded(live.slice(i + 1)).map((event) => event.id));
        }
        await serving.close({ grace: 0 });
        const seen = shown(recorded(happened).filter((event) => !isRest(event)));
        const told = new Set(shown(later));
        expect(seen.filter((each) => !told.has(each))).toEqual([]);
        // Everything else happens once, unless the run is taken up again.
        const isTakenUp = later.some(({ type }) => type === "run.paused" || type === "node.waiting");
        if (!isTakenUp) expect(shown(later).sort()).toEqual(seen.sort());
      }),
      { numRuns: 15 },
    );
  });
});
