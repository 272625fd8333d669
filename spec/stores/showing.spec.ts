import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { Fsm, stop, waitForEvent } from "dagwright";
import { postgresStore, sqliteStore } from "dagwright/store";
import { useStores } from "../support/stores.js";
import { sqliteSubject } from "../support/store-subjects.js";

/** What `console.log`, `JSON.stringify` and `String` make of a value. */
const shown = (value: object) => [inspect(value), JSON.stringify(value), `${value as never}`];

describe("What stores show", () => {
  const { another } = useStores(sqliteSubject);

  it("is where they are and how many runs they drive, in a line", async () => {
    const store = sqliteStore(":memory:");
    const fsm = new Fsm("f");
    fsm.state("open", { initial: true }, () => waitForEvent({ GO: "done" }));
    fsm.state("done", () => stop());
    const handle = fsm.start({ store });
    await handle.recorded;
    expect(shown(store)).toEqual([
      "SqlStore { database: ':memory:', isClosed: false, driven: 1 }",
      '{"database":":memory:","isClosed":false,"driven":1}',
      "SqlStore :memory:",
    ]);
    expect(inspect({ store })).toBe("{\n  store: SqlStore { database: ':memory:', isClosed: false, driven: 1 }\n}");
    await handle.send("GO");
    await handle.result;
    await store.close();
    expect(inspect(store)).toBe("SqlStore { database: ':memory:', isClosed: true, driven: 0 }");
    expect(shown(store.cache).slice(0, 2)).toEqual(["SqlCache {}", "{}"]);
  });

  it("is the path of a file", () => {
    const [log] = shown(another());
    expect(log).toMatch(/^SqlStore \{ database: '[^']+', isClosed: false, driven: 0 \}$/u);
  });

  it("has no user, password or parameter of a server", async () => {
    const store = postgresStore("postgres://me:secret@db.example:5433/orders?sslpassword=hidden");
    const database = "postgres://db.example:5433/orders";
    expect(shown(store)).toEqual([
      `SqlStore { database: '${database}', isClosed: false, driven: 0 }`,
      `{"database":"${database}","isClosed":false,"driven":0}`,
      `SqlStore ${database}`,
    ]);
    await store.close();
    const other = postgresStore("host=/run/postgresql password=secret");
    expect(String(other)).toBe("SqlStore Postgres");
    await other.close();
  });
});
