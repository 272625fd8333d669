import pg from "pg";
import { describe, expect, it, vi } from "vitest";
import { Dag, Fsm, PauseRun, stop, waitForEvent } from "dagwright";
import { execute, withPostgres } from "../support/postgres.js";
import { useProxy } from "../support/proxied.js";
import { interceptQueries } from "../support/queries.js";
import { failure, sleep, until } from "../support/waiting.js";

/** A gate, and the function that opens it. */
function newGate(): { readonly gate: Promise<void>; readonly open: () => void } {
  let open = () => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  return { gate, open };
}

/** Two nodes, the first of which waits for a gate. */
function two(first: string, gate: Promise<void> = Promise.resolve()): Dag<any> {
  const dag = new Dag<any>(first);
  dag.node(first, async () => (await gate, 1));
  dag.node("then", { needs: [first] }, (x: number) => x + 1);
  return dag;
}

/** Pauses for an answer, and adds 1 to it. */
function asking(): Dag<any> {
  const dag = new Dag<any>("asking");
  dag.node("asks", (): number => {
    throw new PauseRun("sure?");
  });
  dag.node("adds", { needs: ["asks"] }, (x: number) => x + 1);
  return dag;
}

/** Ends idle transactions, which rolls back their changes. */
const END_TRANSACTIONS = `select pg_terminate_backend(pid) from pg_stat_activity
  where datname = current_database() and state = 'idle in transaction'`;

const coded = (message: string, code?: string, syscall?: string) =>
  Object.assign(new Error(message), code === undefined ? {} : { code }, syscall === undefined ? {} : { syscall });

await withPostgres((server) => {
  const { url } = server;
  const proxy = useProxy(server);
  const { open } = proxy;

  /** Makes the server execute something before it writes a row that meets a condition. */
  const before = (table: string, condition: string, what: string) =>
    execute(
      url,
      `create sequence tries;
       create function meddle() returns trigger language plpgsql as $$ begin ${what}; return new; end $$;
       create trigger meddle before insert or update on ${table} for each row when (${condition}) execute function meddle()`,
    );
  const tries = async () => Number((await execute(url, "select last_value from tries"))[0].last_value);

  describe("When Postgres rejects a run's data", () => {
    const rejections = [
      ["22001", "value too long for type character varying(3)"],
      ["22003", "integer out of range"],
      ["22P05", "unsupported Unicode escape sequence"],
      ["23514", "new row violates a check constraint"],
      ["0A000", "cannot do that"],
      ["42804", "column is of another type"],
      ["53200", "out of memory"],
      ["54000", "row is too big: size 8160, maximum size 8160"],
      ["P0001", "a trigger of the user says no"],
      ["XX000", "invalid memory alloc request size 1073741824"],
    ];
    it.each(rejections)("with %s (%s), only that run fails, whatever shares its transaction", async (code, message) => {
      const store = await open({ lease: 60_000 });
      await before("node_executions", "new.node = 'evil'", `raise '${message}' using errcode = '${code}'`);
      const { gate, open: go } = newGate();
      const innocent = Array.from({ length: 5 }, (_, i) => two("innocent", gate).start({ store, runId: `run ${i}` }));
      await Promise.all(innocent.map(({ recorded }) => recorded));
      const evil = failure(two("evil").run({ store }));
      go();
      expect(await evil).toMatchObject({
        name: "StoreError",
        code: "STORE",
        message: expect.stringContaining(message),
      });
      for (const { result } of innocent) expect((await result).value).toBe(2);
    });

    it("because it exceeds the maximum message size, only that run fails", async () => {
      const store = await open({ lease: 60_000 });
      const byteLength: any = Reflect.get(Buffer, "byteLength");
      vi.spyOn(Buffer, "byteLength").mockImplementation((text) =>
        typeof text === "string" && text.includes("evil") ? 2 ** 30 : byteLength(text),
      );
      const innocent = Array.from({ length: 5 }, () => two("innocent").run({ store }));
      const error = await failure(two("evil").run({ store }));
      expect(error).toMatchObject({ name: "StoreError", code: "STORE", message: expect.stringContaining("1 GB") });
      for (const run of await Promise.all(innocent)) expect(run.value).toBe(2);
    });

    it("because its text exceeds the maximum string length, only that run fails", async () => {
      const store = await open({ lease: 60_000 });
      const stringify: any = Reflect.get(JSON, "stringify");
      vi.spyOn(JSON, "stringify").mockImplementation((...given: any[]) => {
        const text = stringify(...given);
        if (Array.isArray(given[0]) && String(text).includes('"node":"evil"'))
          throw new RangeError("Invalid string length");
        return text;
      });
      const innocent = Array.from({ length: 5 }, () => two("innocent").run({ store }));
      expect(await failure(two("evil").run({ store }))).toMatchObject({ name: "StoreError", code: "STORE" });
      for (const run of await Promise.all(innocent)) expect(run.value).toBe(2);
    });

    it("nothing more of the run is written", async () => {
      const store = await open({ lease: 60_000 });
      await before(
        "node_executions",
        "new.node = 'evil' and new.status = 'completed'",
        "perform pg_sleep(0.3); raise 'no'",
      );
      const dag = new Dag<any>("d");
      dag.node("evil", async () => 1);
      dag.node("late", () => sleep(100));
      dag.node("hangs", () => new Promise(() => {}));
      const error = await failure(dag.run({ store, mode: "async", runId: "r" }));
      expect(error).toMatchObject({ name: "StoreError", code: "STORE" });
      await sleep(100);
      const { nodes, status } = (await store.getRun("r"))!;
      expect([status, ...Array.from(nodes.values(), (node) => node.status)]).toEqual(Array(4).fill("running"));
    });

    it("oversized batches are written by themselves", async () => {
      const store = await open({ lease: 60_000 });
      const { gate, open: go } = newGate();
      const begun: string[] = [];
      const dag = new Dag<any>("d");
      dag.node("text", async (length: number) => {
        if (begun.push("text") === 3) go();
        await gate;
        return "x".repeat(length);
      });
      const statements: { readonly length: number; readonly runs: number }[] = [];
      interceptQueries(({ text, values, send }) => {
        const [ids] = values as [string[]];
        if (text.includes("attempts as")) statements.push({ length: String(values.flat()).length, runs: ids.length });
        return send();
      });
      await Promise.all([1, 20_000_000, 1].map((length) => dag.run({ store, inputs: { length } })));
      expect(statements.filter(({ length }) => length > 20_000_000)).toMatchObject([{ runs: 1 }]);
      expect(statements.some(({ runs }) => runs === 3)).toBe(true);
    });
  });

  describe("A statement that Postgres did not execute", () => {
    const transient = ["40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "57P05", "53300", "25P03"];
    it.each(transient)("is retried after a transient error (%s), even if it creates a run", async (code) => {
      const store = await open({ lease: 60_000 });
      await before("runs", "true", `if nextval('tries') <= 2 then raise 'not now' using errcode = '${code}'; end if`);
      expect((await two("a").run({ store })).value).toBe(2);
      expect(await tries()).toBeGreaterThanOrEqual(3);
    });

    it("is executed over another connection if the server has closed an idle one", async () => {
      const [{ name }] = await execute(url, "select current_database() as name");
      await execute(url, `alter database ${name} set idle_session_timeout = 50`);
      try {
        const store = await open({ lease: 60_000 }, { application_name: "idle" });
        proxy.holdBack();
        const sessions = "select 1 from pg_stat_activity where application_name = 'idle'";
        await until(async () => (await execute(url, sessions)).length === 0);
        const codes: unknown[] = [];
        interceptQueries(({ send }) => send().catch((error) => (codes.push(error.code), Promise.reject(error))));
        expect((await two("a").run({ store })).value).toBe(2);
        expect(codes).toContain("57P05");
      } finally {
        await execute(url, `alter database ${name} reset idle_session_timeout`);
      }
    });

    it("is retried after a transient error without a warning, even if it renews leases", async () => {
      const warned = vi.spyOn(process, "emitWarning");
      const store = await open({ lease: 300 });
      const { gate, open: go } = newGate();
      const { result } = two("a", gate).start({ store });
      let renewals = 0;
      interceptQueries(({ text, send }) => {
        if (!/update runs set lease_expires_at/u.test(text)) return send();
        renewals++;
        return renewals % 3 === 0 ? send() : Promise.reject(coded("terminating connection", "57P01"));
      });
      await until(() => renewals > 6);
      go();
      expect((await result).value).toBe(2);
      expect(warned).not.toHaveBeenCalled();
    });

    const unsent = [
      new Error("Connection terminated due to connection timeout"),
      new Error("timeout expired"),
      coded("connect ECONNREFUSED", "ECONNREFUSED", "connect"),
      coded("connect ETIMEDOUT", "ETIMEDOUT", "connect"),
      coded("connect EHOSTUNREACH", "EHOSTUNREACH", "connect"),
      coded("getaddrinfo EAI_AGAIN", "EAI_AGAIN", "getaddrinfo"),
      Object.assign(new AggregateError([coded("connect ETIMEDOUT ::1", "ETIMEDOUT", "connect")]), {
        code: "ETIMEDOUT",
      }),
    ].map((error) => [error.message === "" ? "several addresses" : error.message, error] as const);
    it.each(unsent)("is retried if there was no connection (%s), even if it creates a run", async (_, error) => {
      const store = await open();
      const connect = vi.spyOn(pg.Pool.prototype, "connect");
      for (let i = 0; i < 2; i++) connect.mockImplementationOnce((() => Promise.reject(error)) as any);
      expect((await two("a").run({ store })).value).toBe(2);
      expect(connect.mock.calls.length).toBeGreaterThan(2);
    });
  });

  describe("When Postgres may have executed a statement", () => {
    const uncertain = [
      coded("read ECONNRESET", "ECONNRESET", "read"),
      coded("write EPIPE", "EPIPE", "write"),
      coded("read EHOSTUNREACH", "EHOSTUNREACH", "read"),
      coded("connection failure", "08006"),
      coded("read ETIMEDOUT", "ETIMEDOUT", "read"),
      new Error("Connection terminated unexpectedly"),
      new Error("Query read timeout"),
    ].map((error) => [error.message, error] as const);
    it.each(uncertain)("(%s), it is retried, even if it creates a run", async (_, error) => {
      const store = await open({ lease: 60_000 });
      const { gate, open: go } = newGate();
      const known = two("known", gate).start({ store });
      await known.recorded;
      await until(async () => (await execute(url, "select 1 from node_executions")).length === 1);
      const taken = failure(two("other").run({ store, runId: known.runId }));
      let lost = 0;
      interceptQueries(async ({ text, send }) => {
        const rows = await send();
        if (/fence as .*created as/su.test(text) && lost++ < 2) throw error;
        return rows;
      });
      go();
      await Promise.resolve();
      const made = two("made").run({ store });
      expect((await made).value).toBe(2);
      expect((await known.result).value).toBe(2);
      expect(lost).toBeGreaterThan(2);
      expect(await taken).toMatchObject({ code: "RUN_EXISTS" });
    });

    it("creating a run fails if another store has created one with the same id", async () => {
      const [store, other] = [await open({ lease: 60_000 }), await open()];
      let lost = 0;
      interceptQueries(async ({ text, send }) => {
        if (!/fence as .*created as/su.test(text) || lost++ > 0) return send();
        await two("others").run({ store: other, runId: "r" });
        throw coded("read ECONNRESET", "ECONNRESET", "read");
      });
      const error = await failure(two("made").run({ store, runId: "r" }));
      expect(error).toMatchObject({ code: "RUN_EXISTS" });
      expect((await other.getRun("r"))!.workflow).toBe("others");
    });

    it.each([
      ["to a run at rest", /^\s*with run as .* insert into events/su, undefined],
      ["in a transaction", /^commit$/u, "x".repeat(2_000_000)],
    ])("an event that is sent %s is recorded once", async (_, statement, more) => {
      const [store, other] = [await open({ lease: 60_000 }), await open()];
      const fsm = new Fsm<any>("order");
      fsm.state("created", { initial: true }, () => waitForEvent({ PAID: "paid" }));
      fsm.state("paid", (order: { amount: number }) => stop(order.amount));
      await fsm.run({ store: other, runId: "r" });
      let lost = 0;
      interceptQueries(async ({ text, send }) => {
        const rows = await send();
        if (statement.test(text) && lost++ < 2) throw coded("read ECONNRESET", "ECONNRESET", "read");
        return rows;
      });
      await fsm.send("r", "PAID", { amount: 12, more }, { store });
      expect(lost).toBeGreaterThan(1);
      expect(await execute(url, "select event from events")).toEqual([{ event: "PAID" }]);
      expect((await fsm.resume("r", { store: other })).value).toBe(12);
    });

    it("an event that its run has taken meanwhile counts as sent", async () => {
      const [store, other] = [await open({ lease: 60_000 }), await open()];
      const fsm = new Fsm<any>("order");
      fsm.state("created", { initial: true }, () => waitForEvent({ PAID: "paid" }));
      fsm.state("paid", (amount: number) => stop(amount));
      await fsm.run({ store: other, runId: "r" });
      let lost = 0;
      interceptQueries(async ({ text, send }) => {
        const rows = await send();
        if (!/^\s*with run as .* insert into events/su.test(text) || lost++ > 0) return rows;
        expect((await fsm.resume("r", { store: other })).value).toBe(12);
        throw coded("read ECONNRESET", "ECONNRESET", "read");
      });
      await fsm.send("r", "PAID", 12, { store });
      expect(lost).toBe(2);
      expect(await execute(url, "select event from events")).toEqual([{ event: "PAID" }]);
    });

    describe("because a commit was unanswered,", () => {
      const loseAnswers = (times: number) => {
        let commits = 0;
        interceptQueries(async ({ text, send }) => {
          const rows = await send();
          if (text === "commit" && commits++ < times) throw coded("read ECONNRESET", "ECONNRESET", "read");
          return rows;
        });
        return () => commits;
      };
      it.each([1, 2])("a run is resumed with the provided value (%i times)", async (times) => {
        const store = await open({ lease: 60_000 });
        const dag = asking();
        await dag.run({ store, runId: "r" });
        const commits = loseAnswers(times);
        expect((await dag.resume("r", { store, provide: { asks: 1 } })).value).toBe(2);
        expect(commits()).toBeGreaterThan(times);
      });

      it("a run is cancelled with its reason", async () => {
        const store = await open();
        await asking().run({ store, runId: "r" });
        const commits = loseAnswers(2);
        await store.cancel("r", "not needed");
        expect(commits()).toBe(3);
        const { status, error } = (await store.getRun("r"))!;
        expect(status).toBe("cancelled");
        expect(error).toMatchObject({ message: expect.stringContaining("not needed") });
        await expect(store.cancel("r")).rejects.toMatchObject({ code: "RUN_ENDED" });
      });

      it("a run is deleted", async () => {
        const store = await open();
        await asking().run({ store, runId: "r" });
        const commits = loseAnswers(2);
        await store.delete("r");
        expect(commits()).toBe(3);
        expect(await store.getRun("r")).toBeUndefined();
        await expect(store.delete("r")).rejects.toMatchObject({ code: "NOT_FOUND" });
      });

      it("runs are pruned and counted", async () => {
        const store = await open();
        for (const runId of ["a", "b", "c"]) await two(runId).run({ store, runId });
        loseAnswers(2);
        expect(await store.prune({ keepLast: 0 })).toBe(3);
      });
    });

    it("a reader that issues several queries sees all of a change or nothing", async () => {
      const [store, other] = [await open(), await open()];
      const fsm = new Fsm<any>("order");
      fsm.state("created", { initial: true }, () => waitForEvent({ PAID: "paid" }));
      fsm.state("paid", (amount: number) => stop(amount));
      const meanwhile = async (work: () => Promise<unknown>) => {
        let isDone = false;
        interceptQueries(async ({ text, send }) => {
          if (isDone || !/^select .*"node_executions"/su.test(text)) return send();
          isDone = true;
          await work();
          return send();
        });
        const run = await store.getRun("r");
        vi.restoreAllMocks();
        expect(isDone).toBe(true);
        return run;
      };
      await fsm.run({ store, runId: "r" });
      const pay = async () => {
        await fsm.send("r", "PAID", 12, { store: other });
        await fsm.resume("r", { store: other });
      };
      expect(await meanwhile(pay)).toMatchObject({ status: "completed" });
      expect(await meanwhile(() => other.delete("r"))).toBeUndefined();
    });

    it("cancelling a run fails if another process has claimed the run", async () => {
      const [store, other] = [await open(), await open({ lease: 60_000 })];
      const dag = asking();
      await dag.run({ store, runId: "r" });
      const { gate, open: go } = newGate();
      const going = new Dag<any>("asking");
      going.node("asks", () => gate);
      going.node("adds", { needs: ["asks"] }, () => 2);
      let isLost = false;
      let resumed: Promise<any> | undefined;
      interceptQueries(async ({ text, send }) => {
        if (text !== "commit" || isLost) return send();
        isLost = true;
        await execute(url, END_TRANSACTIONS);
        resumed = going.resume("r", { store: other });
        await until(async () => (await execute(url, "select 1 from runs where status = 'running'")).length === 1);
        throw coded("read ECONNRESET", "ECONNRESET", "read");
      });
      expect(await failure(store.cancel("r"))).toMatchObject({ code: "LEASE_HELD" });
      go();
      expect((await resumed).value).toBe(2);
    });

    it("deleting a run leaves a new one with the same id", async () => {
      const [store, other] = [await open(), await open({ lease: 60_000 })];
      await asking().run({ store, runId: "r" });
      let isLost = false;
      interceptQueries(async ({ text, send }) => {
        if (text !== "commit" || isLost) return send();
        isLost = true;
        await send();
        await two("new").run({ store: other, runId: "r" });
        throw coded("read ECONNRESET", "ECONNRESET", "read");
      });
      await store.delete("r");
      expect(isLost).toBe(true);
      expect((await store.getRun("r"))!.workflow).toBe("new");
    });

    it("deleting a run succeeds even if another process has changed it", async () => {
      const [store, other] = [await open(), await open()];
      const dag = asking();
      await dag.run({ store, runId: "r" });
      let isLost = false;
      interceptQueries(async ({ text, send }) => {
        if (text !== "commit" || isLost) return send();
        isLost = true;
        await execute(url, END_TRANSACTIONS);
        await dag.resume("r", { store: other, provide: { asks: 1 } });
        throw coded("read ECONNRESET", "ECONNRESET", "read");
      });
      await store.delete("r");
      expect(isLost).toBe(true);
      expect(await store.getRun("r")).toBeUndefined();
    });

    it("claiming a run fails if another process has completed it", async () => {
      const [store, other] = [await open({ lease: 60_000 }), await open()];
      const dag = asking();
      await dag.run({ store, runId: "r" });
      let lost = 0;
      interceptQueries(async ({ text, send }) => {
        if (text !== "commit" || lost++ > 0) return send();
        await send();
        await execute(url, "update runs set owner = null, lease_expires_at = null");
        await dag.resume("r", { store: other, provide: { asks: 10 } });
        throw coded("read ECONNRESET", "ECONNRESET", "read");
      });
      const error = await failure(dag.resume("r", { store, provide: { asks: 20 } }));
      expect(error).toMatchObject({ message: expect.stringContaining("the run has completed") });
      expect((await other.getRun("r"))!.nodes.get("asks")).toMatchObject({ output: 10 });
    });

    it("reading is retried, even of events that a run would pause without", async () => {
      const [store, other] = [await open({ lease: 60_000 }), await open()];
      const { gate, open: go } = newGate();
      const fsm = new Fsm<any>("order");
      fsm.state("created", { initial: true }, async () => (await gate, waitForEvent({ PAID: "paid" })));
      fsm.state("paid", (amount: number) => stop(amount));
      const run = fsm.run({ store, runId: "r" });
      await until(async () => (await execute(url, "select 1 from fsm_cycles where status = 'running'")).length === 1);
      await fsm.send("r", "PAID", 12, { store: other });
      let polls = 0;
      interceptQueries(({ text, send }) => {
        if (/^select .*"for_owner" = /su.test(text) && polls++ === 0) proxy.cut();
        return send();
      });
      go();
      expect((await run).value).toBe(12);
      expect(polls).toBeGreaterThan(1);
    });

    it("releasing runs is retried while a store is closing", async () => {
      const [store, other] = [await open({ lease: 600_000 }), await open()];
      const { gate } = newGate();
      two("a", gate)
        .start({ store, runId: "r" })
        .result.catch(() => {});
      await until(async () => (await execute(url, "select 1 from node_executions")).length === 1);
      proxy.cut();
      await store.close();
      expect((await two("a").resume("r", { store: other })).value).toBe(2);
    });
  });
});
