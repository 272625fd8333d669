import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Dag, Fsm, waitForEvent, type FsmHandle } from "dagwright";
import { sqliteStore, type SqlStore, type StoreOptions } from "dagwright/store";
import { bundled } from "../support/bundled.js";
import { dying } from "../support/dying.js";
import { openDatabase } from "../support/sqlite.js";
import { failure, sleep, until } from "../support/waiting.js";

const script = bundled("dying");
let folder: string;
let path: string;
let stores: SqlStore[];
const open = (options?: StoreOptions) => {
  const store = sqliteStore(path, options);
  stores.push(store);
  return store;
};
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dagwright-drivers-"));
  path = join(folder, "runs.db");
  stores = [];
});
afterEach(async () => {
  await Promise.all(stores.map((store) => store.close()));
  rmSync(folder, { recursive: true, force: true });
});

/** Makes all leases expire without their holders noticing. */
function expire(): void {
  const side = openDatabase(path);
  side.prepare("update runs set lease_expires_at = 0").run([]);
  side.close();
}

describe("A process that has ended", () => {
  it.skipIf(process.platform !== "linux")("loses its runs at once, even if it is a zombie", async () => {
    // The shell becomes a process that never waits for its child, which stays a zombie.
    const parent = spawn("sh", [
      "-c",
      `"$0" "$@" & echo "pid $!"; exec sleep 60`,
      process.execPath,
      script,
      path,
      "r",
      "drive",
    ]);
    try {
      let said = "";
      parent.stdout.on("data", (data) => (said += data));
      await until(() => /driving/u.test(said));
      const store = open();
      expect(await failure(dying().resume("r", { store }))).toMatchObject({ code: "LEASE_HELD" });
      const pid = Number(/pid (\d+)/u.exec(said)![1]);
      process.kill(pid, "SIGKILL");
      await until(() => /^State:\s+Z/mu.test(readFileSync(`/proc/${pid}/status`, "utf8")));
      expect(await dying().recover({ store })).toMatchObject([{ value: 2 }]);
    } finally {
      parent.kill();
    }
  });
});

describe("A driver whose run was taken over", () => {
  function waiting(): Fsm<any> {
    const fsm = new Fsm<any>("waiting");
    fsm.state("idle", { initial: true }, () => waitForEvent({ GO: "idle" }));
    return fsm;
  }
  /** Waits until the run's wait is recorded, after which nothing is pending. */
  const isRecorded = (runId: string, store: SqlStore) =>
    until(async () => (await store.getRun(runId))?.cycles.at(-1)?.wait !== undefined);

  it("notices when it renews its leases, and keeps its other runs", async () => {
    const [store, other] = [open({ lease: 90 }), open()];
    const handles = ["lost", "kept"].map((runId) => waiting().start({ store, runId }));
    await Promise.all(["lost", "kept"].map((runId) => isRecorded(runId, store)));
    const lost = failure(handles[0].result);
    let taken: FsmHandle | undefined;
    // The driver may renew the lease in between.
    while (taken === undefined) {
      expire();
      taken = await waiting()
        .attach("lost", { store: other })
        .catch(() => undefined);
    }
    expect(await lost).toMatchObject({ name: "StoreError", code: "LEASE_LOST" });
    await sleep(200);
    expect((await handles[1].pause()).status).toBe("paused");
    expect((await taken.pause()).status).toBe("paused");
  });

  it("notices when it writes, and the write is discarded", async () => {
    const [store, other] = [open({ lease: 600_000 }), open({ lease: 600_000 })];
    const gates: (() => void)[] = [];
    const dag = new Dag<any>("d");
    dag.node("a", async () => {
      const driver = gates.length;
      await new Promise<void>((resolve) => gates.push(resolve));
      return `of driver ${driver}`;
    });
    const first = failure(dag.run({ store, runId: "r" }));
    await until(() => gates.length === 1);
    expire();
    const second = dag.resume("r", { store: other });
    await until(() => gates.length === 2);
    gates[0]();
    expect(await first).toMatchObject({ name: "StoreError", code: "LEASE_LOST" });
    gates[1]();
    expect((await second).value).toBe("of driver 1");
    expect((await other.getRun("r"))!.outputs).toEqual({ a: "of driver 1" });
  });

  it("notices when its own store claims the run again", async () => {
    const [store, other] = [open({ lease: 600_000 }), open({ lease: 600_000 })];
    const first = waiting().start({ store, runId: "r" });
    const lost = failure(first.result);
    await isRecorded("r", store);
    expire();
    await (await waiting().attach("r", { store: other })).pause();
    const paused = await waiting().resume("r", { store });
    expect(await lost).toMatchObject({ name: "StoreError", code: "LEASE_LOST" });
    expect(paused.status).toBe("waiting");
  });
});
