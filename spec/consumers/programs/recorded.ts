/** Records a run that fails, resumes it where it stopped, through another connection, and serves another one. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Dag, node, workflow } from "dagwright";
import { Service } from "dagwright/service";
import { sqliteStore } from "dagwright/store";

const file = join(tmpdir(), `recorded-${process.pid}.db`);
let loads = 0;
let isUp = false;

@workflow({ name: "stock" })
class Stock {
  @node load(): Map<string, number> {
    loads++;
    return new Map([["nuts", 7]]);
  }
  @node("load") save(stock: Map<string, number>): string {
    if (!isUp) throw new Error("down");
    return `${stock.get("nuts")} saved`;
  }
}

async function record(): Promise<string> {
  const store = sqliteStore(file);
  const failure: unknown = await Dag.from(Stock)
    .run({ store, runId: "first" })
    .catch((error: unknown) => error);
  await store.close();
  return failure instanceof Error && failure.cause instanceof Error ? failure.cause.message : String(failure);
}

async function resume(): Promise<string> {
  isUp = true;
  const store = sqliteStore(file);
  const run = await Dag.from(Stock).resume("first", { store });
  await store.close();
  return `${run.get("save")}, loaded ${loads} time`;
}

async function serve(): Promise<string> {
  const store = sqliteStore(file);
  const service = new Service({ store, workflows: [Stock] });
  await service.start();
  const { status } = await (await service.submit(Stock)).result();
  await service.close();
  await store.close();
  return `served: ${status}`;
}

console.log(`recorded: ${await record()}, ${await resume()}, ${await serve()}`);
