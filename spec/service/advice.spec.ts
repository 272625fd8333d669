import { describe, expect, it } from "vitest";
import { Dag, PauseRun, type Context } from "dagwright";
import { useServices } from "../support/services.js";
import { sqliteSubject } from "../support/store-subjects.js";
import { failure, gate, until } from "../support/waiting.js";

function approval(more: readonly string[] = []) {
  const dag = new Dag<any>("approval");
  dag.node("ask", (of: number): string => {
    throw new PauseRun(`about ${of}`);
  });
  dag.node("ship", { needs: ["ask"] }, (answer: string) => answer);
  for (const name of more) dag.node(name, { needs: ["ship"] }, () => name);
  return dag;
}

/** What only workflows and stores have, and `versions`, which clients don't have. */
const OF_OTHERS = /overrides|listRuns|allowChanges|ifExists|dag\.|fsm\.|store\.|"from" /u;

describe("The errors of services and clients advise what these have", () => {
  const { client, service } = useServices(sqliteSubject);
  const inputs = { of: 1 };
  const messageOf = async (work: Promise<unknown>) => (await failure(work)).message as string;

  it("for runs that can't be found, and lists of them", async () => {
    const asking = client();
    expect(await messageOf(asking.cancel("none"))).toBe(
      'The store has no run "none". Check the id: it was never recorded, or is deleted.',
    );
    expect(await messageOf(asking.list({ workflw: "x" } as never))).toContain("of a list of runs");
    expect(await messageOf(asking.list({ cursor: "x" }))).toBe('"cursor" must be the cursor of a page of runs.');
  });

  it("for a run that is driven elsewhere, and can't be deleted", { tags: "slow" }, async () => {
    const { opened, open } = gate();
    const dag = new Dag<any>("long");
    dag.node("a", async (ctx: Context) => {
      await opened;
      return ctx.runId;
    });
    await service({ workflows: [dag] }).start();
    const deleting = client();
    const run = await deleting.submit("long");
    await until(async () => (await deleting.get(run))?.status === "running");
    expect(await failure(deleting.delete(run))).toMatchObject({
      code: "LEASE_HELD",
      message: expect.stringMatching(/Cancel it first, with a client/u),
    });
    await deleting.cancel(run);
    await failure(run.result());
    await deleting.delete(run);
    open();
  });

  it("for answers that nobody waits for", async () => {
    const asking = client({ workflows: [approval()] });
    const run = await asking.submit("approval", { inputs });
    await asking.pause(run);
    const message = await messageOf(asking.resume(run, { provide: { ask: 1 } }));
    expect(message).toContain('"provide" names "ask"');
    expect(message).not.toMatch(OF_OTHERS);
  });

  it("for replays of what has changed, is not known, or lacks results", async () => {
    const serving = service({ workflows: [approval()] });
    await serving.start();
    const run = await serving.submit("approval", { inputs });
    await until(async () => (await serving.get(run))?.status === "paused");
    const replaying = { rerun: ["ship"] };
    const lacking = await messageOf(serving.replay(run, replaying));
    expect(lacking).toContain('needs the result of "ask"');
    expect(lacking).toContain('"rerun"');
    expect(await messageOf(client({ workflows: ["approval"] }).replay(run, replaying))).toBe(
      `The nodes of run "${run.runId}" are not known to the client. List the class of "approval" among "workflows".`,
    );
    const changed = approval(["archive"]);
    expect(await messageOf(client({ workflows: [changed] }).replay(run, replaying))).toBe(
      `Workflow "approval" has changed since run "${run.runId}" was recorded: added "archive". Use a client that has that version.`,
    );
    expect(await messageOf(service({ workflows: [changed] }).replay(run, replaying))).toContain(
      'List that version among "versions".',
    );
  });

  it("for two workflows of one name", () => {
    const two = { workflows: [approval(), approval()] };
    expect(() => client(two)).toThrow("Give one another name, or leave one out.");
    expect(() => service(two)).toThrow('Give one another name, or list an older one among "versions".');
  });
});
