import { describe, expect, it } from "vitest";
import { Fsm, next, state, stop, ValidationError } from "dagwright";

/** draft → review → done, back to draft for values that are false, and failed for errors. */
function article(): Fsm<any> {
  const fsm = new Fsm<any>("article", { errorState: "failed" });
  fsm.state("draft", { initial: true, to: ["review"] }, (text: string, words = 100) =>
    next("review", text.length < words),
  );
  fsm.state("review", (isShort: boolean) => isShort);
  fsm.state("done", { terminal: true }, () => "published");
  fsm.state("failed", { terminal: true }, (error: Error) => error.message);
  return fsm.addTransition("review", "done").addTransition("review", "draft", (isShort: boolean) => !isShort);
}

describe("The structure of an fsm", () => {
  it("has the declared transitions, by state", () => {
    expect(article().edges).toEqual([
      { from: "draft", to: "review", kind: "to" },
      { from: "draft", to: "failed", kind: "error" },
      { from: "review", to: "draft", kind: "transition" },
      { from: "review", to: "done", kind: "default" },
      { from: "review", to: "failed", kind: "error" },
      { from: "done", to: "failed", kind: "error" },
    ]);
  });

  it("has the inputs, and which of them the initial state needs", () => {
    const fsm = article();
    expect(fsm.inputs).toEqual([
      { name: "text", required: true },
      { name: "words", required: false },
      { name: "isShort", required: false },
      { name: "error", required: false },
    ]);
  });

  it("is available even if the fsm is not valid", () => {
    const fsm = new Fsm<any>("f");
    fsm.state("a", { to: ["b", "nowhere"] }, (x: number) => x);
    fsm.state("b", () => stop());
    expect(fsm.isValid).toBe(false);
    expect(fsm.edges).toEqual([{ from: "a", to: "b", kind: "to" }]);
    expect(fsm.inputs).toEqual([{ name: "x", required: false }]);
  });
});

describe("A state", () => {
  it("is found by name, with a handle that adds transitions", async () => {
    const fsm = new Fsm<any>("f");
    fsm.state("a", { initial: true }, () => 1);
    fsm.state("b", (x: number) => x + 1);
    fsm.getState("a").to("b");
    expect((await fsm.run()).value).toBe(2);
  });

  it("is removed with its transitions and its place in the fsm", async () => {
    const fsm = article();
    fsm.setInitialState("review").addTerminalState("review");
    fsm.addTransition("done", "review");
    fsm.setNodeHooks("review", { preExecute: () => {} });
    fsm.removeState("review");
    expect([...fsm]).toEqual(["draft", "done", "failed"]);
    expect([...fsm.transitions]).toEqual([]);
    expect(fsm.initialState).toBe("draft");
    expect(fsm.terminalStates).not.toContain("review");
    expect(fsm.nodeHooks("review")).toBeUndefined();
    expect(() => fsm.validateOrThrow()).toThrow(/"to" of state "draft" names "review"/u);
    fsm.configureState("draft", { to: ["done"] });
    fsm.addTransition("draft", "done").state("review", { terminal: true }, () => "again");
    expect(fsm.edges.filter(({ from }) => from === "review")).toEqual([
      { from: "review", to: "failed", kind: "error" },
    ]);
  });

  it("keeps the transitions of others when it is removed", () => {
    const fsm = article();
    fsm.removeState("draft");
    expect(fsm.transitions.get("review")).toEqual([{ to: "done", condition: "default" }]);
  });
});

describe("A transition", () => {
  it("is removed by removeTransition, with or without a condition", async () => {
    const fsm = new Fsm<any>("f");
    fsm.state("a", { initial: true }, () => 1);
    fsm.state("b", { terminal: true }, () => "b");
    fsm.state("c", { terminal: true }, () => "c");
    fsm.addTransition("a", "b", (x: number) => x === 1).addTransition("a", "b", (x: number) => x === 2);
    fsm.addTransition("a", "c");
    expect((await fsm.run()).value).toBe("b");
    fsm.removeTransition("a", "b");
    expect((await fsm.run()).value).toBe("c");
    fsm.removeTransition(fsm.getState("a"), fsm.getState("c")).addTransition("a", "b");
    expect((await fsm.run()).value).toBe("b");
  });

  it("may be removed before its states are defined", () => {
    const fsm = article();
    fsm.addTransition("review", "archived", () => false);
    expect(fsm.isValid).toBe(false);
    expect(fsm.removeTransition("review", "archived").isValid).toBe(true);
    expect(fsm.addTransition("archived", "draft").removeTransition("archived", "draft").isValid).toBe(true);
  });

  it("can't be removed if addTransition did not add it", () => {
    const fsm = article();
    expect(() => fsm.removeTransition("draft", "review")).toThrow(ValidationError);
    expect(() => fsm.removeTransition("draft", "review")).toThrow(
      'addTransition() added no transition from "draft" to "review". To change the legal next states of "draft", call configureState("draft", { to }).',
    );
  });
});

describe("configureState", () => {
  it("changes the options that are given, and leaves the others", async () => {
    const fsm = new Fsm<any>("f");
    let calls = 0;
    fsm.state("a", { initial: true, description: "first", to: ["b"] }, () => {
      if (++calls < 3) throw new Error("not yet");
      return next("c", calls);
    });
    fsm.state("b", () => stop("b"));
    fsm.state("c", (x: number) => stop(x));
    await expect(fsm.run()).rejects.toThrow(/not yet/u);
    calls = 0;
    fsm.configureState("a", { retry: { retries: 2, delay: 0 } });
    await expect(fsm.run()).rejects.toThrow(/"to" allows only: "b"/u);
    calls = 0;
    expect((await fsm.configureState(fsm.getState("a"), { to: ["c"] }).run()).value).toBe(3);
    expect(fsm.states.get("a")?.description).toBe("first");
    expect(fsm.configureState("a", { initial: false }).isValid).toBe(false);
    fsm.configureState("c", { initial: true, params: ["count"] });
    expect((await fsm.run({ inputs: { count: 7 } })).value).toBe(7);
  });

  it("keeps a method's object, and refuses what can't be", async () => {
    class Counter {
      private readonly by = 5;
      @state({ initial: true }) add(x: number) {
        return stop(x + this.by);
      }
    }
    const fsm = Fsm.from(Counter);
    fsm.configureState("add", { timeout: 1000 });
    expect((await fsm.run({ inputs: { x: 1 } })).value).toBe(6);
    expect(() => fsm.configureState("add", { name: "plus" } as never)).toThrow(
      'State "add" can\'t be renamed. Remove it and define it again.',
    );
    expect(() => fsm.configureState("add", { timeout: "1s" } as never)).toThrow(/"timeout" of state "add"/u);
    expect(() => fsm.configureState("add", { cache: { ttl: 1, key: "y" } })).toThrow(/takes no parameter "y"/u);
    expect(() => fsm.configureState("add", { needs: [] } as never)).toThrow(/Unknown option "needs" of state "add"/u);
  });
});
