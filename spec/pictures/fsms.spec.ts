import { expect, it, describe } from "vitest";
import { Fsm, next, stop } from "dagwright";
import { toSVG } from "dagwright/pictures";
import { boxOf, drawnIn } from "../support/drawn.js";
import { machine, recorded, waitingMachine } from "../support/pictured.js";

const draw = async (...args: Parameters<typeof toSVG>) => drawnIn(await toSVG(...args));

describe("A picture of an fsm", () => {
  it("has its states, where it starts, and the transitions with what they need", async () => {
    const fsm = new Fsm<any>("door");
    fsm.state("open", { initial: true, to: ["closed"] }, () => next("closed"));
    fsm.state("closed", {}, () => 1);
    fsm.state("locked", { terminal: true }, () => stop());
    fsm.addTransition("closed", "locked", (n: number) => n > 0);
    fsm.addTransition("closed", "open");
    const { title, description, boxes, lines, labels } = await draw(fsm);
    expect([title, description]).toEqual(["door", "fsm with 3 states and 3 transitions."]);
    expect(boxes.map(({ name }) => name)).toEqual(["", "open", "closed", "locked"]);
    expect(lines.map(({ tooltip }) => tooltip).sort()).toEqual(
      ["closed → locked (when)", "closed → open (default)", "open → closed", "start"].sort(),
    );
    expect(labels.sort()).toEqual(["default", "when"]);
  });

  it("tells of an error state for all states without lines, and draws others", async () => {
    const general = await draw(machine());
    expect(boxOf(general, "failed").note).toBe("on any error");
    expect(general.lines.filter(({ classes }) => classes.includes("error"))).toEqual([]);
    const fsm = machine();
    fsm.configureState("paid", { errorState: "cancelled" });
    const own = await draw(fsm);
    expect(
      own.lines.filter(({ tooltip, classes }) => tooltip === "paid → cancelled" && classes[0] === "error"),
    ).toHaveLength(1);
    expect(own.legend).toContain("on error");
  });
});

describe("A picture of an fsm's run", () => {
  it("counts visits, and how often each transition was taken", async () => {
    const drawn = await draw(await machine().run());
    expect(boxOf(drawn, "packed")).toMatchObject({ note: "3×", classes: ["completed"] });
    expect(boxOf(drawn, "refunded")).toMatchObject({ note: "", classes: ["pending"] });
    expect(drawn.labels).toEqual(["2×"]);
    const uses = new Map(drawn.lines.map(({ tooltip, classes }) => [tooltip, classes]));
    expect(uses.get("packed → packed (2×)")).toEqual(["plain", "used"]);
    expect(uses.get("shipped → paid")).toEqual(["plain", "unused"]);
    expect(drawn.legend).toContain("not visited");
  });

  it("draws transitions that were taken without being declared", async () => {
    const fsm = new Fsm<any>("free");
    fsm.state("a", { initial: true }, () => next("b"));
    fsm.state("b", () => stop());
    expect((await draw(fsm)).lines.map(({ tooltip }) => tooltip)).toEqual(["start"]);
    expect((await draw(await fsm.run())).lines.map(({ tooltip }) => tooltip)).toEqual(["a → b", "start"]);
  });

  it("draws an error transition that was taken", async () => {
    const fsm = machine();
    fsm.replaceState("paid", () => {
      throw new Error("no money");
    });
    const drawn = await draw(await fsm.run());
    expect(drawn.lines.find(({ tooltip }) => tooltip === "paid → failed")?.classes).toEqual(["error", "used"]);
    expect(boxOf(drawn, "paid").tooltip).toContain("no money");
  });

  it("is the same of a recorded one, and says what it waits for", async () => {
    const details = await recorded(machine());
    const [known, unknown] = [await toSVG(machine(), { run: details }), await toSVG(details)];
    expect(unknown).toBe(known);
    const waits = await draw(await recorded(waitingMachine()));
    expect(boxOf(waits, "assigned")).toMatchObject({ note: "waits for SOLVED or REJECTED", classes: ["waiting"] });
  });
});
