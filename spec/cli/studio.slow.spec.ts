import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { describe, expect, it } from "vitest";
import { Client } from "dagwright/service";
import { sqliteStore } from "dagwright/store";
import { command, dagwright, files, flow, root } from "../support/command.js";

const { path } = files();

describe("dagwright studio", () => {
  it("prints a link that opens it, on this machine, until it is interrupted", async () => {
    const address = path("studio.db");
    await dagwright(["run", flow("recorded"), "-w", "order", "--store", address, "--run-id", "first"]);
    const [program, ...rest] = command;
    const args = ["studio", flow("recorded"), "--store", address, "--port", "0", "--redact", "price"];
    const child = spawn(program, [...rest, ...args], { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
    const [line] = await new Promise<string[]>((resolve) =>
      createInterface(child.stdout).once("line", (text) => resolve([text])),
    );
    expect(line).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{43}$/u);
    const { origin, searchParams } = new URL(line);
    const entered = await fetch(line, { redirect: "manual" });
    const [cookie] = (entered.headers.get("set-cookie") as string).split(";");
    const page = await fetch(`${origin}/`, { headers: { cookie } });
    expect(await page.text()).toContain("dagwright studio");
    const headers = { authorization: `Bearer ${searchParams.get("token") as string}` };
    const run = (await (await fetch(`${origin}/api/runs/first`, { headers })).json()) as any;
    expect(run.status).toBe("paused");
    expect(run.nodes.find(({ name }: { name: string }) => name === "price").output).toEqual({ value: "[redacted]" });
    expect(run.command).toContain(`--store ${address}`);
    child.kill("SIGINT");
    await ended;
  });

  it("says what is wrong when there is no such store, or its port is taken", async () => {
    expect(await dagwright(["studio", "--store", path("none.db")])).toMatchObject({ code: 2 });
    expect((await dagwright(["studio", "--store", path("studio.db"), "--port", "x"])).stderr).toContain("whole number");
  });
});

describe("Runs are steered on the command line", () => {
  it("are paused, cancelled and deleted, wherever they are driven", async () => {
    const address = path("steered.db");
    const at = ["--store", address];
    const store = sqliteStore(address);
    const client = new Client({ store });
    await client.submit("anything", { runId: "first" });
    expect(await dagwright(["pause", "first", ...at])).toMatchObject({ code: 0 });
    expect(await dagwright(["cancel", "first", "--reason", "not needed", ...at])).toMatchObject({ code: 0 });
    const run = await store.getRun("first");
    expect(run?.status).toBe("cancelled");
    expect((run?.error as Error).message).toContain("not needed");
    expect(await dagwright(["cancel", "first", ...at])).toMatchObject({ code: 1 });
    expect(await dagwright(["delete", "first", ...at])).toMatchObject({ code: 0 });
    expect(await dagwright(["delete", "first", ...at])).toMatchObject({ code: 2 });
    await client.close();
    await store.close();
  });
});
