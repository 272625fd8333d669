import { spawn } from "node:child_process";
import { describe, expect, it } from "vitest";
import { Client } from "dagwright/service";
import { sqliteStore } from "dagwright/store";
import { command, dagwright, files, flow, root } from "../support/command.js";
import { until } from "../support/waiting.js";

const { path } = files();
const order = [flow("recorded"), "-w", "order"];

describe("Recorded runs on the command line", () => {
  const store = ["--store", path("runs.db")];

  it("pause, go on with an answer, and are replayed", async () => {
    const paused = await dagwright(["run", ...order, ...store, "--run-id", "first"]);
    expect(paused.stderr).toContain("Paused: pay 20?");
    expect(paused.stderr).toMatch(/resume .*recorded\.ts first --workflow order --store .* --provide approve=…/u);
    expect(paused.code).toBe(3);
    const resumed = await dagwright([
      "resume",
      flow("recorded"),
      "first",
      "-w",
      "order",
      ...store,
      "-p",
      "approve=true",
    ]);
    expect(resumed.stdout.trimEnd().split("\n").at(-1)).toBe("shipped for 20");
    expect(resumed.code).toBe(0);
    const replayed = await dagwright([
      "replay",
      flow("recorded"),
      "first",
      "-w",
      "order",
      ...store,
      "-r",
      "ship",
      "--run-id",
      "second",
    ]);
    expect(replayed.stdout).not.toContain("price: started");
    expect(replayed.code).toBe(0);
  });

  it("are listed, shown, logged and compared", async () => {
    const runs = await dagwright(["runs", ...store, "--json"]);
    expect(
      runs.stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).runId),
    ).toEqual(["second", "first"]);
    const shown = await dagwright(["show", "first", ...store]);
    expect(shown.stdout).toMatch(/^ship +completed +1 +.*shipped for 20$/mu);
    const logged = await dagwright(["logs", "first", ...store]);
    expect(logged.stdout).toMatch(/Z {2}ship: completed/u);
    const followed = await dagwright(["logs", "first", ...store, "--follow", "--json"]);
    expect(JSON.parse(followed.stdout.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({ type: "run.finished" });
    const compared = await dagwright(["diff", "first", "second", ...store]);
    expect(compared.stdout).toMatch(/^price +status, attempts /mu);
    expect(compared.code).toBe(0);
  });

  it("that wait are put away, sent an event, and recovered", async () => {
    const away = await dagwright(["run", flow("recorded"), "-w", "door", ...store, "--run-id", "door", "--detach"]);
    expect(away.stderr).toContain("It waits for OPEN.");
    expect(away.code).toBe(3);
    const logs = await dagwright(["logs", "door", ...store]);
    expect(logs).toMatchObject({ code: 0, stdout: expect.stringContaining("door: run door started") });
    expect((await dagwright(["send", "door", "OPEN", "me", ...store])).code).toBe(0);
    const recovered = await dagwright(["recover", flow("recorded"), "-w", "door", ...store]);
    expect(recovered.stderr).toContain("Went on with 1 run.");
    expect(recovered.code).toBe(0);
    const shown = await dagwright(["show", "door", ...store]);
    expect(shown.stdout).toContain("opened by me");
  });

  it("are deleted when they are old", async () => {
    const refused = await dagwright(["prune", ...store]);
    expect(refused.stderr).toContain('needs "olderThan", "keepLast" or both');
    expect(refused.code).toBe(2);
    expect((await dagwright(["prune", ...store, "--keep-last", "1"])).stdout).toBe("Deleted 1 run.\n");
  });

  it("and stores that do not exist are wrong usage", async () => {
    for (const args of [
      ["show", "nobody", ...store],
      ["runs", "--store", path("nowhere.db")],
      ["logs", "nobody", ...store],
    ]) {
      expect((await dagwright(args)).code).toBe(2);
    }
    const taken = await dagwright(["run", ...order, ...store, "--run-id", "second"]);
    expect(taken.code).toBe(2);
  });
});

it("A service drives what is submitted and scheduled, until it is stopped", async () => {
  const file = path("service.db");
  const store = ["--store", file];
  const submitted = await dagwright(["submit", ...order, ...store, "-i", "items=3", "--run-id", "order-1"]);
  expect(submitted).toMatchObject({ code: 0, stdout: "order-1\n" });
  const added = await dagwright(["schedule", "add", "nightly", ...order, ...store, "--cron", "0 3 * * *"]);
  expect(added).toMatchObject({ code: 0, stderr: "Scheduled.\n" });
  const listed = await dagwright(["schedule", "list", ...store, "--json"]);
  expect(JSON.parse(listed.stdout)).toMatchObject({ name: "nightly", workflow: "order", cron: "0 3 * * *" });

  const [program, ...rest] = [...command, "service", ...order, ...store, "--poll-interval", "50"];
  const service = spawn(program, rest, { cwd: root, stdio: "ignore" });
  const ended = new Promise((resolve) => service.on("close", resolve));
  await using own = sqliteStore(file);
  await using client = new Client({ store: own });
  await until(async () => (await client.get("order-1"))?.status === "paused");
  service.kill("SIGTERM");
  expect(await ended).toBe(0);
  expect((await client.get("order-1"))?.pauses[0].reason).toBe("pay 30?");
});
