import { expect, it } from "vitest";
import { Dag } from "dagwright";
import { Client, Service } from "dagwright/service";
import { postgresStore } from "dagwright/store";
import { execute, withPostgres } from "../support/postgres.js";
import { failure } from "../support/waiting.js";

await withPostgres(({ url }) => {
  it("A service hears of runs at once, even if its database did not exist when it was first used", async () => {
    const name = `late_${Date.now()}`;
    const late = Object.assign(new URL(url), { pathname: name }).href;
    const [own, others] = [postgresStore(late), postgresStore(late)];
    const dag = new Dag("w");
    dag.node("a", () => 1);
    const service = new Service({ store: own, workflows: [dag], pollInterval: 3_600_000 });
    const client = new Client({ store: others, pollInterval: 50 });
    expect(await failure(service.start())).toMatchObject({ code: "STORE" });
    await execute(url, `create database ${name}`);
    await service.start();
    // Its first commands may be given before it listens.
    for (let i = 0; i < 3; i++) await (await client.submit("w")).result();
    await service.close();
    await client.close();
    await Promise.all([own.close(), others.close()]);
    await execute(url, `drop database ${name}`);
  });
});
