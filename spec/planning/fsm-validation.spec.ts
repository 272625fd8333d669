import { describe, expect, it } from "vitest";
import { Fsm, InvalidNodeError, next, state, stop, ValidationError, workflow } from "dagwright";

const codes = (fsm: Fsm) => fsm.validate().map(({ severity, code, nodes }) => [severity, code, ...nodes]);

describe("Fsm › validate", () => {
  it("finds no issues in a valid machine", () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true, to: ["b"] }, () => next("b"));
    fsm.state("b", { terminal: true }, () => 1);
    expect(fsm.validate({ strict: true })).toEqual([]);
    expect(fsm.isValid).toBe(true);
    expect(fsm.validateOrThrow({ strict: true })).toBe(fsm);
  });

  it("requires exactly one initial state", async () => {
    const fsm = new Fsm("f");
    expect(codes(fsm)).toEqual([["error", "NO_INITIAL_STATE"]]);
    fsm.state("a", () => 1);
    fsm.state("b", () => 2);
    expect(codes(fsm)).toEqual([["error", "NO_INITIAL_STATE"]]);
    await expect(fsm.run()).rejects.toThrow(/has no initial state\. Mark one with \{ initial: true \}/u);
    fsm.setInitialState("a");
    fsm.setInitialState("b");
    expect((await fsm.run()).value).toBe(2);
    const two = new Fsm("f");
    two.state("a", { initial: true }, () => 1);
    two.state("b", { initial: true }, () => 2);
    expect(codes(two)).toEqual([["error", "SEVERAL_INITIAL_STATES", "a", "b"]]);
    await expect(two.run()).rejects.toThrow(ValidationError);
    const both = new Fsm("f");
    both.state("a", { initial: true }, () => 1);
    both.state("b", () => 2);
    expect(codes(both.setInitialState("b"))).toEqual([["error", "SEVERAL_INITIAL_STATES", "b", "a"]]);
  });

  it("reports all undeclared states at once, with suggestions", async () => {
    const fsm = new Fsm("f", { errorState: "e1" });
    fsm.state("paid", { initial: true, to: ["payd", "x1"], errorState: "e2" }, () => 1);
    fsm.addTransition("paid", "x2", () => true);
    fsm.addTransition("x3", "paid");
    fsm.addTerminalState("x4");
    const unknown = fsm.validate().filter(({ code }) => code === "UNKNOWN_STATE");
    expect(unknown.flatMap(({ nodes }) => nodes).sort()).toEqual(["e1", "e2", "payd", "x1", "x2", "x3", "x4"]);
    expect(unknown.map(({ message }) => message).join("\n")).toContain('Did you mean "paid"?');
    await expect(fsm.run()).rejects.toThrow(/has 7 problems/u);
    const initial = new Fsm("f");
    initial.state("a", () => 1);
    expect(codes(initial.setInitialState("b"))).toEqual([["error", "UNKNOWN_STATE", "b"]]);
  });

  it("warns of unreachable states and dead ends, if every state declares where it leads", async () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true, to: ["b", "c"] }, () => next("c"));
    fsm.state("b", { to: ["b"] }, () => next("b"));
    fsm.state("c", { terminal: true }, () => "c");
    fsm.state("d", { to: ["c"] }, () => next("c"));
    expect(codes(fsm)).toEqual([
      ["warning", "NO_WAY_TO_TERMINAL", "b"],
      ["warning", "UNREACHABLE_STATE", "d"],
    ]);
    expect(fsm.isValid).toBe(true);
    expect((await fsm.run()).value).toBe("c");
    await expect(fsm.run({ strict: true })).rejects.toThrow(ValidationError);
    expect(fsm.validate({ strict: true }).every(({ severity }) => severity === "error")).toBe(true);
    fsm.state("e", () => 1);
    expect(codes(fsm)).toEqual([]);
  });

  it("follows transitions and error states", () => {
    const fsm = new Fsm("f", { errorState: "rescue" });
    fsm.state("a", { initial: true, to: ["b"] }, () => 1);
    fsm.state("b", { to: ["z"] }, () => 1);
    fsm.state("z", () => 1);
    fsm.state("rescue", { terminal: true }, () => 1);
    fsm.addTerminalState("z");
    fsm.addTransition("a", "b");
    expect(codes(fsm)).toEqual([]);
  });

  it("warns of a transition that `to` does not allow", () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true, to: ["b"] }, () => 1);
    fsm.state("b", { terminal: true }, () => 1);
    fsm.state("c", { terminal: true }, () => 1);
    fsm.addTransition("a", "c");
    expect(codes(fsm)).toEqual([["warning", "ILLEGAL_TRANSITION", "a"]]);
  });

  it("runs again after a change, and copies are independent", async () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, () => next("b"));
    await expect(fsm.run()).rejects.toMatchObject({ code: "UNKNOWN_STATE" });
    const copy = fsm.clone();
    copy.state("b", () => "b");
    expect((await copy.run()).value).toBe("b");
    expect([...copy]).toEqual(["a", "b"]);
    expect([fsm.size, copy.size]).toEqual([1, 2]);
  });
});

describe("Fsm.from", () => {
  it("reads the states of a class, and the options of @workflow", async () => {
    @workflow({ name: "door", description: "opens and shuts", errorState: "broken", historyLimit: 5 })
    class Door {
      opened = 0;
      @state({ initial: true, to: ["open"] }) closed() {
        return next("open", ++this.opened);
      }
      @state open(times: number) {
        if (times > 0) throw new Error(`stuck after ${times}`);
        return next("closed");
      }
      @state() broken(error: Error) {
        return stop(error.message);
      }
      helper() {}
    }
    const fsm = Fsm.from(Door);
    expect([fsm.name, fsm.description, [...fsm]]).toEqual(["door", "opens and shuts", ["closed", "open", "broken"]]);
    expect((await fsm.run()).value).toBe("stuck after 1");
    const door = new Door();
    await Fsm.from(door).run();
    expect((await Fsm.from(door).run()).value).toBe("stuck after 2");
    expect(door.opened).toBe(2);
    expect(Fsm.from(Door, { historyLimit: 2 }).options).toMatchObject({ historyLimit: 2, errorState: "broken" });
  });

  it("inherits the states of a parent class, which can be overridden", async () => {
    class Base {
      @state({ initial: true, to: ["end"] }) begin() {
        return next("end", 1);
      }
      @state({ terminal: true }) end(n: number) {
        return n;
      }
    }
    class Sub extends Base {
      override end(n: number) {
        return super.end(n) + 1;
      }
    }
    expect((await Fsm.from(Sub).run()).value).toBe(2);
    expect((await Fsm.from(Base).run()).value).toBe(1);
  });

  it("refuses a class without states, and invalid options", () => {
    expect(() => Fsm.from(class Empty {})).toThrow(InvalidNodeError);
    expect(() => Fsm.from(class Empty {})).toThrow(/no method with @state/u);
    expect(() => workflow({ errorState: 5 as never })).toThrow(TypeError);
    expect(() => workflow({ historyLimit: -1 })).toThrow(RangeError);
    expect(() => Fsm.from(class Empty {}, { histroyLimit: 1 } as never)).toThrow();
    expect(() => new Fsm("f", { histroyLimit: 1 } as never)).toThrow(/Did you mean "historyLimit"\?/u);
    expect(() => (state as any)("needs")).toThrow(InvalidNodeError);
  });
});
