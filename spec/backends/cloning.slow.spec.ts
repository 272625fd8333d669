import { afterAll, describe, expect, it } from "vitest";
import { BackendError, NotCloneableError, ThreadPool } from "dagwright";
import { aborted, circle, cloning, linked, nested, type Special } from "../support/cloning.js";

const pool = new ThreadPool({ maxWorkers: 1 });
afterAll(() => pool.close());

/** Node 20 writes errors that are part of their own causes, but can't read them. */
const readsCircles = (() => {
  try {
    return structuredClone(circle()) instanceof Error;
  } catch {
    return false;
  }
})();

const of = (node: string, options = {}) =>
  cloning.runUntil(node, { mode: "parallel", pool, errorStrategy: "continue", ...options });
const errorOf = async (node: string, inputs = {}) => (await of(node, { inputs })).error(node as never);
const deep = 2000;

describe("A value that can be written but not read", () => {
  it("is refused with its path: an error within its own cause, on Node 20", async () => {
    const refused = { code: "NOT_CLONEABLE" };
    const expected = [
      ["circle", {}, { ...refused, path: "result.e.cause.of" }],
      ["takes", { value: { e: circle() } }, { ...refused, path: "inputs.value.e.cause.of" }],
      ["writes", {}, { cause: { message: expect.stringContaining("ctx.metadata.e.cause.of can't be cloned. ") } }],
      ["pauses", {}, { cause: { message: '"data.e.cause.of" of a PauseRun can\'t be cloned. Pass plain data.' } }],
    ] as const;
    for (const [node, inputs, error] of expected) {
      const found = await errorOf(node, inputs);
      if (readsCircles) expect(found, node).toBeUndefined();
      else expect(found, node).toMatchObject(error);
    }
  });

  it("is refused with its path: a DOMException, on Node 20", async () => {
    const isKept = structuredClone(aborted()) instanceof DOMException;
    if (isKept) {
      const value = (await of("exception")).value as { list: unknown[] };
      expect(value.list[0]).toMatchObject({ name: "AbortError", message: "gone", code: 20 });
      expect((await of("takes", { inputs: { value: { e: aborted() } } })).value).toBe("object");
      return;
    }
    const refused = { code: "NOT_CLONEABLE" };
    expect(await errorOf("exception")).toMatchObject({ ...refused, path: "result.list[0]" });
    expect(await errorOf("takes", { value: { e: aborted() } })).toMatchObject({ ...refused, path: "inputs.value.e" });
    expect(await errorOf("takes", { value: aborted() })).toMatchObject({ ...refused, path: "inputs.value" });
    expect((await errorOf("keeps"))?.message).toContain("ctx.metadata.reason can't be cloned.");
  });

  it("is refused with its path: more than 1000 levels, whichever way leads to them", async () => {
    const list = await errorOf("nested", { levels: deep });
    expect(list).toBeInstanceOf(NotCloneableError);
    expect(list).toMatchObject({ path: `result.list${"[0]".repeat(999)}`, node: "nested" });
    expect(await errorOf("linked", { length: deep })).toMatchObject({
      path: `result.records[0]${".next".repeat(998)}`,
    });
    expect(await errorOf("takes", { value: nested(deep) })).toMatchObject({ code: "NOT_CLONEABLE" });
    expect(await errorOf("takes", { value: linked(deep) })).toMatchObject({ code: "NOT_CLONEABLE" });
    expect((await of("nested", { inputs: { levels: 999 } })).value).toEqual({ list: nested(999) });
    expect((await of("linked", { inputs: { length: 998 } })).value).toEqual(linked(998));
  });

  it("fails its node when it is sent anyway, and the next node gets another thread", async () => {
    const error = await errorOf("fickle", { levels: 6000 });
    expect(error).toBeInstanceOf(BackendError);
    expect(error?.message).toContain(`The worker that executed node "fickle" ended: its message can't be read: `);
    expect((await of("takes", { inputs: { value: 1 } })).value).toBe("number");
  });
});

describe("The results in a context", () => {
  it("are refused like inputs when they can't be cloned", async () => {
    expect(await errorOf("part")).toMatchObject({ code: "NOT_CLONEABLE", path: "results.whole.fn" });
  });
});

describe("An error from a thread", () => {
  const thrown = async (special: Special): Promise<any> => (await errorOf("throws", { special }))?.cause;

  it("keeps its own enumerable properties, whatever they are called", async () => {
    expect(await thrown("errors")).toMatchObject({ message: "invalid", errors: [{ path: "name", rule: "required" }] });
    expect(await thrown("code")).toMatchObject({ code: { major: 1 } });
    expect(await thrown("big")).toMatchObject({ code: 5n });
    expect(await thrown("errors")).not.toBeInstanceOf(AggregateError);
  });

  it("keeps those of the errors in its properties, causes and lists", async () => {
    const error = await thrown("within");
    expect(error).toBeInstanceOf(TypeError);
    expect(error.original).toBeInstanceOf(Error);
    expect(error.original).toMatchObject({ name: "HttpError", message: "missing", status: 404 });
    expect(error.original.stack).toContain("cloning.ts");
    expect(error.list).toEqual([expect.objectContaining({ status: 500 })]);
    expect([...error.byKey.get("a")]).toEqual([expect.objectContaining({ status: 503 })]);
    expect(error.cause).toMatchObject({ reason: { status: 410 } });
    expect(Object.keys(error)).toEqual(["original", "list", "byKey"]);
    const aggregate = await thrown("aggregate");
    expect(aggregate).toBeInstanceOf(AggregateError);
    expect(aggregate.errors).toEqual([
      expect.objectContaining({ status: 1 }),
      expect.objectContaining({ status: 2 }),
      "three",
    ]);
    expect(Object.keys(aggregate)).toEqual([]);
  });

  it("keeps name, message and code of a DOMException, wherever it is", async () => {
    const expected = { name: "AbortError", message: "gone", code: 20 };
    const error = await thrown("exception");
    expect(error).toBeInstanceOf(Error);
    for (const each of [error, error.reason, error.cause.within]) expect(each).toMatchObject(expected);
    expect(error.stack).toContain("cloning.ts");
  });

  it("is described only where it can't be cloned", async () => {
    const { response } = await thrown("response");
    expect(response).toEqual({
      status: 429,
      headers: { retryAfter: 7 },
      data: Array.from({ length: 5000 }, (_, i) => ({ i })),
      config: { at: new Date(5), transform: ["function (anonymous)", 2], pending: "an object (Promise)" },
    });
    expect(await thrown("value")).toEqual({
      status: 5,
      errors: [expect.objectContaining({ status: 6 })],
      fn: "function fn",
    });
  });

  it("keeps circular references", async () => {
    const error = await thrown("loop");
    expect(error.other.cause).toBe(error);
    expect(error.other.back.to).toBe(error);
  });

  it("is cut off where it is too large, and keeps what can be read of it", async () => {
    const large = await thrown("large");
    expect(large).toMatchObject({ message: "large", near: { fn: "function fn", kept: true } });
    let levels = 0;
    let rest: unknown = large.rest;
    for (; Array.isArray(rest); levels++) [rest] = rest as unknown[];
    expect(rest).toBe("an array of 1");
    expect(levels).toBeGreaterThan(100);
    expect(await thrown("endless")).toMatchObject({ message: "first", cause: { cause: { message: "before" } } });
    expect(await thrown("hostile")).toMatchObject({ message: "hostile", trap: undefined, proxy: { seen: 1 } });
  });
});

describe("The context on a thread", () => {
  it("is printed like one on this thread", async () => {
    const [json, text, name] = (await of("shows", { runId: "r1" })).value as string[];
    const [own, ownText, ownName] = (await of("shows", { runId: "r1", mode: "sequential" })).value as string[];
    expect(Object.keys(JSON.parse(json) as object)).toEqual(Object.keys(JSON.parse(own) as object));
    expect(name).toBe(ownName);
    expect(text.replace(/results: .*/su, "")).toBe(ownText.replace(/results: .*/su, ""));
  });
});
