import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { any, Dag, event, node } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { dying, openDatabase } from "../support/sqlite.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dagwright-waits-"));
  vi.spyOn(process, "emitWarning").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

const taken: unknown[] = [];

class Orders {
  @node invoice(): number {
    return 10;
  }
  @event("invoice", { event: "PAID" }) paid(payment: number, invoice: number): string {
    taken.push(payment);
    return `${payment} of ${invoice}`;
  }
  @event("invoice", { event: "PAID" }) rest(payment: number): number {
    taken.push(payment);
    return payment;
  }
  @node("paid", { delay: 5 }) ship(paid: string): string {
    return `shipped ${paid}`;
  }
  @node({ delay: 3_600_000 }) late(): string {
    return expect.unreachable() as never;
  }
  @any("ship", "late") done(outcome: string): string {
    return outcome;
  }
}

it("A process that dies at any statement loses no event, takes none twice, and binds each to one node", async () => {
  const dag = Dag.from(Orders);
  const isOver = new Set(["completed", "failed"]);
  /** Drives the run to its end, with a process that dies at a statement. Returns how many there were. */
  const scenario = async (path: string, at: number): Promise<number> => {
    const { database, count } = dying(path, at);
    const mortal = sqliteStore(database, { lease: 60_000 });
    const first = await dag.run({ store: mortal, runId: "r", detach: true }).catch(() => undefined);
    if (first !== undefined) {
      await dag.send("r", "PAID", 1, { store: mortal, key: "one" }).catch(() => {});
      await dag.send("r", "PAID", 2, { store: mortal, key: "two" }).catch(() => {});
      await dag.recover({ store: mortal, detach: true }).catch(() => {});
    }
    const total = count();
    await mortal.close().catch(() => {});
    const aside = openDatabase(path);
    try {
      aside.prepare("update runs set lease_expires_at = 0, owner = null").run([]);
    } catch {
      // It died before there were tables.
    }
    aside.close();

    const store = sqliteStore(path);
    const before = taken.length;
    if ((await store.getRun("r")) === undefined) await dag.run({ store, runId: "r", detach: true });
    // The senders don't know whether they were heard.
    await dag.recover({ store, detach: true });
    for (const [key, payload] of [
      ["one", 1],
      ["two", 2],
    ] as const) {
      await dag
        .send("r", "PAID", payload, { store, key })
        .catch((error: Error) => expect(error.message).toMatch(/over|ended/u));
    }
    for (let i = 0; !isOver.has((await store.getRun("r"))!.status); i++) {
      expect(i, `statement ${at}`).toBeLessThan(50);
      await dag.recover({ store, detach: true });
      await new Promise((done) => setTimeout(done, 5));
    }
    const { nodes, outputs } = (await store.getRun("r"))!;
    const payloads = [Number(/^\d/u.exec(String(nodes.get("paid")?.output))?.[0]), nodes.get("rest")?.output];
    expect([...payloads].sort(), `statement ${at}`).toEqual([1, 2]);
    expect(outputs, `statement ${at}`).toMatchObject({ done: `shipped ${payloads[0]} of 10` });
    expect(nodes.get("late")).toMatchObject({ status: "skipped", reason: "done" });
    expect(taken.length - before).toBeLessThanOrEqual(2);
    await store.close();
    return total;
  };
  const total = await scenario(join(folder, "clean.db"), Infinity);
  expect(total).toBeGreaterThan(40);
  for (let at = 0; at < total; at++) await scenario(join(folder, `${at}.db`), at);
});
