import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Dag } from "dagwright";
import { Service } from "dagwright/service";
import { sqliteStore, type SqlStore } from "dagwright/store";
import { failure } from "../support/waiting.js";

describe("A service whose store can't be opened", () => {
  let folder: string;
  let store: SqlStore;
  let service: Service;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "dagwright-starting-"));
    store = sqliteStore(join(folder, "later", "runs.db"));
    const dag = new Dag("w");
    dag.node("a", () => 1);
    service = new Service({ store, workflows: [dag] });
  });

  afterEach(async () => {
    await service.close();
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function drives() {
    mkdirSync(join(folder, "later"));
    await service.start();
    return (await (await service.submit("w")).result()).status;
  }

  it("can be started again when it can", async () => {
    expect(await failure(service.start())).toMatchObject({ code: "STORE" });
    expect(await drives()).toBe("completed");
  });

  it.each([0, 1, 2, 3, 100])(
    "can be started again when it was stopped %i microtasks after the start",
    async (ticks) => {
      const starting = service.start().catch(() => {});
      for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
      await service.stop();
      await starting;
      expect(await drives()).toBe("completed");
    },
  );
});
