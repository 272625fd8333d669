import { spawn } from "node:child_process";
import { expect, it } from "vitest";
import { remote } from "dagwright/bullmq";
import { withRedis } from "../support/bullmq.js";
import { command, dagwright, flow, root } from "../support/command.js";
import { placedOn } from "../support/placed.js";
import { queueName } from "../support/remoted.js";
import { remoted } from "./flows/remote.js";

it("A worker has to be told its queue", async () => {
  const { code, stderr } = await dagwright(["worker", flow("remote"), "--connection", "redis://127.0.0.1:6379"]);
  expect(code).toBe(2);
  expect(stderr).toContain("--queue <name>");
});

await withRedis(({ url, prefix: newPrefix }) => {
  it("A worker executes the nodes of runs elsewhere, until it is stopped", async () => {
    const queue = queueName();
    const prefix = newPrefix();
    const [program, ...rest] = [
      ...command,
      "worker",
      flow("remote"),
      "--connection",
      url,
      "--queue",
      queue,
      "--prefix",
      prefix,
    ];
    const child = spawn(program, rest, { cwd: root, stdio: "ignore" });
    const ended = new Promise((resolve) => child.on("close", resolve));
    await using backend = remote({ connection: url, queue, prefix });
    const run = await placedOn(remoted, () => backend).run({ mode: "hybrid", inputs: { n: 4 } });
    expect(run.get("double")).toEqual([8, expect.any(Number)]);
    expect((run.get("double") as number[])[1]).not.toBe(process.pid);
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
  });
});
