import { describe, expect, it } from "vitest";
import { Fsm, stop, waitForEvent, type Context } from "dagwright";

describe("A state machine that waits", () => {
  it("pauses when an observer asks for it", async () => {
    const fsm = new Fsm<any>("order");
    fsm.state("a", { initial: true }, (ctx: Context) => {
      setTimeout(() => ctx.progress(0.5), 5);
      return waitForEvent({ X: "b" });
    });
    fsm.state("b", () => stop(1));
    const handle = fsm.start({ observers: [({ type }) => void (type === "node.progress" && handle.pause())] });
    expect(await handle.result).toMatchObject({ status: "paused", currentState: "a" });
  });
});
