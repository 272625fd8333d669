import { isMainThread } from "node:worker_threads";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { Dag, ThreadPool } from "dagwright";
import { fieldsOf } from "../../lib/backends/thread/instance-fields.js";
import {
  alike,
  alikeDag,
  Binding,
  classFor,
  Given,
  given,
  givenHiding,
  givenInstance,
  givenTwins,
  hiding,
  Holder,
  lateDag,
  Local,
  newGiven,
  openInstance,
  Plain,
  plainClass,
  plainTraced,
  Shop,
  Traced,
} from "../support/threaded.js";

const pool = new ThreadPool({ maxWorkers: 2 });
const parallel = { mode: "parallel", pool } as const;
afterAll(() => pool.close());

describe("Instances", () => {
  it("are made again in a worker, from their fields, one a run; those of a class by its constructor", async () => {
    const one = new ThreadPool({ maxWorkers: 1 });
    const dag = Dag.from(new Shop("corner"));
    for (let run = 0; run < 2; run++) {
      expect((await dag.run({ mode: "parallel", pool: one })).value).toBe("corner 2 false");
    }
    expect((await Dag.from(Shop).run({ mode: "parallel", pool: one })).value).toBe("shop 2 false");
    await one.close();
  });

  it("have the fields that they had when the run began, and are not constructed again", async () => {
    const holder = new Holder({
      since: new Date(5),
      bytes: new Uint8Array([1]),
      all: new Map([["key", new Set([1n])]]),
    });
    const { held } = holder;
    const dag = Dag.from(holder);
    const first = await dag.run(parallel);
    expect(first.get("first")).toEqual(held);
    // What a node on this thread did meanwhile counts from the next run on.
    expect(first.get("last")).toEqual([held, true, true, false]);
    expect((await dag.run(parallel)).get("first")).toEqual([held, "changed"]);
    holder.held = "set";
    (holder as { added?: unknown }).added = 1;
    expect((await dag.run(parallel)).get("first")).toBe("set");
    expect((await Dag.from(Holder).run(parallel)).get("last")).toEqual([undefined, false, true, false]);
  });

  it("share memory that is shared, of any depth", async () => {
    const memory = new SharedArrayBuffer(8);
    const run = await Dag.from(new Holder({ counts: [new Int32Array(memory)] })).run(parallel);
    const { counts } = run.get("first") as { counts: Int32Array[] };
    new Int32Array(memory)[0] = 3;
    expect(Array.from(counts[0])).toEqual([3, 0]);
    expect(run.nodes.get("first")?.backend).toBe("thread");
  });

  it("stay on this thread, with the reason, when their fields would not arrive as they are", async () => {
    class Repo {}
    class Rows extends Array<number> {}
    const self: Record<string, unknown> = {};
    const cases: [unknown, string][] = [
      [{ log: () => {} }, `"this.held.log" of its Holder is a function`],
      [[Symbol("s")], `"this.held[0]" of its Holder is a symbol`],
      [new Repo(), `"this.held" of its Holder is an instance of Repo, which would arrive in workers as something else`],
      [
        { deep: [new Map([["repo", new Repo()]])] },
        `"this.held.deep[0].get("repo")" of its Holder is an instance of Repo`,
      ],
      [Rows.from([1]), `"this.held" of its Holder is an instance of Rows`],
      [Buffer.from("b"), `"this.held" of its Holder is an instance of Buffer`],
      [new RangeError("r"), `"this.held" of its Holder is an instance of RangeError`],
      [new (class {})(), `"this.held" of its Holder is an instance of a class`],
      [Object.create(null), `"this.held" of its Holder has no prototype`],
      [Promise.resolve(), `"this.held" of its Holder is an instance of Promise`],
      [{ [Symbol("s")]: 1 }, `"this.held" of its Holder has non-enumerable or symbol properties`],
      [
        Object.defineProperty({}, "hidden", { value: 1 }),
        `"this.held" of its Holder has non-enumerable or symbol properties`,
      ],
    ];
    for (const [held, reason] of cases) {
      const dag = Dag.from(new Holder(held));
      expect(dag.dryRun({ mode: "parallel" }).nodes[0].reason).toContain(reason);
      const run = await dag.runUntil("first", parallel);
      expect(run.nodes.get("first")).toMatchObject({
        backend: "inline",
        backendReason: expect.stringContaining(reason),
      });
      await expect(dag.run({ ...parallel, parallel: { strict: true } })).rejects.toThrow(reason);
    }
    self.holder = new Holder(self);
    const own: [object, string][] = [
      [self.holder as object, `"this.held.holder" of its Holder is an instance of Holder`],
      [Object.assign(new Holder(), { [Symbol("s")]: 1 }), "has a field under Symbol(s)"],
      [Object.defineProperty(new Holder(), "held", { get: () => 1, enumerable: true }), `in place of the field "held"`],
      [new Proxy(new Holder(), {}), "its instance is a proxy"],
      [Object.create(new Holder()) as object, "has a prototype that belongs to no class"],
    ];
    for (const [object, reason] of own) {
      const run = await Dag.from(object as Holder).runUntil("first", parallel);
      expect(run.nodes.get("first")).toMatchObject({
        backend: "inline",
        backendReason: expect.stringContaining(reason),
      });
    }
    const nameless = new (class {
      f = () => 1;
    })();
    expect(fieldsOf(nameless)).toBe(`"this.f" of its instance is a function, which can't be sent to workers`);
  });

  it("with private members stay on this thread, unless the worker's constructor can make one", async () => {
    expect((await hiding.run(parallel)).value).toEqual([7, false]);
    const run = await givenHiding.run(parallel);
    expect(run.value).toEqual([20, true]);
    expect(run.nodes.get("ask")?.backendReason).toContain("is an instance of Hiding, which has private members");
  });

  it("of a class without @workflow go to threads where the import makes a workflow of one", async () => {
    expect((await plainClass.run(parallel)).value).toBe(false);
    const run = await givenInstance.run({ ...parallel, parallel: { strict: true } });
    expect(run.outputs).toEqual({ ask: false, tell: "given" });
    (given as { name: string }).name = "renamed";
    expect((await givenInstance.run(parallel)).get("tell")).toBe("renamed");
    for (const twin of givenTwins) expect((await twin.run(parallel)).value).toBe(false);
    const late = (await lateDag().run(parallel)).nodes.get("ask");
    expect(late).toMatchObject({
      backend: "inline",
      backendReason: expect.stringContaining("workers look for a class"),
    });
  });

  it("are never those of another class that the same code made", async () => {
    expect((await Dag.from(Local).run(parallel)).value).toEqual([1, false]);
    const dags = [Dag.from(Local), Dag.from(new (classFor(2))())];
    for (const [i, dag] of dags.entries()) {
      const run = await dag.run(parallel);
      expect(run.value).toEqual([i + 1, true]);
      expect(run.nodes.get("ask")?.backendReason).toContain('several classes "Local"');
    }
  });
});

describe("Methods", () => {
  afterEach(() => void vi.restoreAllMocks());
  const replaced = { backend: "inline", backendReason: expect.stringContaining("its method was replaced") };

  it("that were replaced stay on this thread, where the replacement is; the others do not", async () => {
    const early = vi.spyOn(Shop.prototype, "open").mockReturnValue("spied");
    const dag = Dag.from(new Shop("corner"));
    const run = await dag.run(parallel);
    expect(run.value).toBe("spied 1 false");
    expect(run.nodes.get("open")).toMatchObject(replaced);
    early.mockRestore();
    expect((await dag.run(parallel)).value).toBe("corner 2 false");

    const shop = new Shop("own");
    vi.spyOn(shop, "open").mockReturnValue("own spied");
    const own = await Dag.from(shop).run(parallel);
    expect(own.value).toBe("own spied 1 true");
    expect(own.nodes.get("serve")?.backendReason).toContain('its instance has a non-enumerable field "open"');

    vi.spyOn(Plain.prototype, "ask").mockReturnValue(true);
    const late = await plainClass.run(parallel);
    expect(late.value).toBe(true);
    expect(late.nodes.get("ask")).toMatchObject(replaced);
    await expect(plainClass.run({ ...parallel, parallel: { strict: true } })).rejects.toThrow(/method was replaced/u);
  });

  it("of a class without @workflow stay on this thread where another method, or one of the same text, stands in", async () => {
    expect((await openInstance.run({ ...parallel, parallel: { strict: true } })).value).toBe(false);

    const before = await givenInstance.run(parallel);
    expect(before.nodes.get("ask")?.backend).toBe("thread");
    const tell = Object.getOwnPropertyDescriptor(Given.prototype, "tell") as PropertyDescriptor;
    Object.defineProperty(Given.prototype, "ask", tell);
    const run = await givenInstance.run(parallel);
    expect(run.get("ask")).toBe(run.get("tell"));
    expect(run.nodes.get("ask")).toMatchObject(replaced);
    expect(run.nodes.get("tell")?.backend).toBe("thread");
    expect(givenInstance.dryRun({ mode: "parallel" }).nodes[0]).toMatchObject({
      backend: "inline",
      reason: expect.stringContaining("its method was replaced"),
    });
    // Replaced before the dag is made, too.
    expect((await newGiven().run(parallel)).nodes.get("ask")).toMatchObject(replaced);
    delete (Given.prototype as Partial<Given>).ask;
    expect((await givenInstance.run(parallel)).nodes.get("ask")?.backend).toBe("thread");

    expect((await alikeDag.run(parallel)).value).toBe("a false");
    const [first, second] = alike.map(({ prototype }) => prototype);
    const [own, others] = [first, second].map((prototype) => Object.getOwnPropertyDescriptor(prototype, "tell"));
    Object.defineProperty(first, "tell", others as PropertyDescriptor);
    const other = await alikeDag.run(parallel);
    Object.defineProperty(first, "tell", own as PropertyDescriptor);
    expect(other.value).toBe("b true");
    expect(other.nodes.get("tell")).toMatchObject(replaced);
  });

  it("that the constructor made are made by the worker's too", async () => {
    const run = await Dag.from(Binding).run(parallel);
    expect(run.value).toBe("3 false");
    expect((await Dag.from(new Binding(4)).run(parallel)).value).toBe("4 true");
  });

  it("that another decorator wraps are found with @workflow, and else not taken for what they wrap", async () => {
    for (const dag of [Dag.from(Traced), Dag.from(new Traced())]) {
      const run = await dag.run({ ...parallel, parallel: { strict: true } });
      expect(run.value).toEqual(["traced", ["renamed", false]]);
    }
    const run = await plainTraced.run(parallel);
    expect(run.outputs).toEqual({ wrapped: ["traced", true], bare: false });
    expect(run.nodes.get("wrapped")?.backendReason).toContain("if the class has @workflow");
  });

  it("are what workers find of a class's workflow, and no node that was added", async () => {
    const dag = Dag.from(new Shop("corner"));
    dag.node("extra", { needs: ["serve"] }, (served: string) => `${served} ${isMainThread}`);
    const run = await dag.run(parallel);
    expect(run.value).toBe("corner 2 false true");
    expect(run.nodes.get("extra")?.backendReason).toContain("it was added to the workflow of a class");
  });
});
