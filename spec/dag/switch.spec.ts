import { describe, expect, it } from "vitest";
import { cases, Dag, node, route, switchOn, type Context } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { expectSwitching } from "../support/switching.js";
import { failure } from "../support/waiting.js";

export class Letters {
  readonly from = "post@x";
  @node pick(label: string, value: unknown) {
    return route(label, value);
  }
  @node fee() {
    return 7;
  }
  mail(value: unknown, _fee: number, ctx: Context) {
    return `<${this.from}> mails ${String(value)} by ${ctx.nodeName}`;
  }
  @switchOn("pick", "fee") deliver = cases({
    // eslint-disable-next-line @typescript-eslint/unbound-method -- cases are called with the instance as this
    email: Letters.prototype.mail,
    post: (value: unknown, fee: number) => `posts ${String(value)} for ${fee}`,
  });
}

describe("@switchOn", () => {
  it("sends a value on by its label, to cases with the instance as this", { tags: "slow" }, () =>
    expectSwitching(Letters),
  );

  it("refuses a field that holds no cases, and members that are no fields", () => {
    class Wrong {
      @node pick() {
        return route("a", 1);
      }
      // @ts-expect-error the field holds no cases
      @switchOn("pick") deliver = () => 1;
    }
    expect(() => Dag.from(Wrong)).toThrow('The field "deliver" has @switchOn, so it must hold cases({ … })');
    expect(() => switchOn("a")(undefined, { kind: "field", static: true, private: false, name: "x" } as never)).toThrow(
      "@switchOn is for public instance fields",
    );
  });
});

describe("dag.switch", () => {
  const build = (item: () => unknown) => {
    const dag = new Dag<any>("d");
    const pick = dag.node("pick", item);
    dag.switch("sent", {
      needs: [pick, dag.node("fee", () => 7)],
      cases: {
        email: (value: string, fee: number, ctx: Context) => [value, fee, ctx.nodeName],
        ["__proto__"]: (value: string) => value,
      },
    });
    return dag;
  };

  it("calls the case of the label with the value, further needs and the context", async () => {
    expect((await build(() => route("email", "x")).run()).value).toEqual(["x", 7, "sent"]);
    expect((await build(async () => route("__proto__", "x")).run()).value).toBe("x");
  });

  it("fails for a label without a case, and takes default for it if there is one", async () => {
    for (const label of ["fax", "constructor", ""]) {
      const error = await failure(build(() => route(label, 1)).run());
      expect([error.node, error.message]).toEqual(["sent", expect.stringContaining(`There is no case "${label}"`)]);
    }
    const dag = new Dag("d");
    const pick = dag.node("pick", () => route("fax" as string, 1));
    const sent = dag.switch("sent", { needs: [pick], cases: { a: () => "a", default: (n) => n + 1 } });
    expect((await dag.run()).get(sent)).toBe(2);
  });

  it("fails for what is no route", async () => {
    for (const item of [5, null, { branch: 1, value: 2 }, { branch: "email" }]) {
      const error = await failure(build(() => item).run());
      expect(error.message).toContain("A switch takes route(label, value); received");
    }
  });

  it("has the options of a node", async () => {
    let calls = 0;
    const dag = new Dag("d");
    const pick = dag.node("pick", () => route("a", 1));
    const sent = dag.switch("sent", {
      needs: [pick],
      retry: { retries: 1, delay: 0 },
      cases: {
        a: () => {
          if (calls++ === 0) throw new Error("once");
          return "done";
        },
      },
    });
    expect((await dag.run()).get(sent)).toBe("done");
  });

  it("takes a route that was recorded", async () => {
    const store = sqliteStore(":memory:");
    let isBroken = true;
    const define = () => {
      const dag = new Dag("d");
      const pick = dag.node("pick", () => route("a", 1));
      dag.switch("sent", {
        needs: [pick],
        cases: {
          a: (n) => {
            if (isBroken) throw new Error("crash");
            return n;
          },
        },
      });
      return dag;
    };
    const { run } = await failure(define().run({ store }));
    isBroken = false;
    expect((await define().resume(run.runId, { store })).value).toBe(1);
    await store.close();
  });

  it("refuses cases that are none", () => {
    const dag = new Dag<any>("d");
    const options = (table: unknown) => () => dag.switch("s", { needs: ["a"], cases: table as never });
    expect(options({})).toThrow('switch "s" takes at least one case; received none.');
    expect(options({ a: 5 })).toThrow('The case "a" of switch "s" must be a function or a workflow; received 5.');
    expect(options([])).toThrow('switch "s" takes functions or workflows by label');
    expect(() => cases(undefined as never)).toThrow("cases takes functions or workflows by label");
  });
});
