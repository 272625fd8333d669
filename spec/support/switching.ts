import { expect } from "vitest";
import { Dag } from "dagwright";

/** The part of the class that differs neither by its decorators nor by their types. */
type LettersClass = new () => { from: string; pick(label: string, value: unknown): unknown };

/** What a class with a switch must do, with either kind of decorators. */
export async function expectSwitching(Letters: LettersClass): Promise<void> {
  const sent = async (label: string, value: unknown, options = {}) => {
    const run = await Dag.from(Letters).run({ inputs: { label, value }, ...options });
    return (run as { value: unknown }).value;
  };
  expect(await sent("email", "a")).toBe("<post@x> mails a by deliver");
  expect(await sent("post", 2)).toBe("posts 2 for 7");
  await expect(sent("fax", 3)).rejects.toThrow('There is no case "fax"; the cases are "email", "post".');
  expect(await sent("post", 2, { mode: "parallel" })).toBe("posts 2 for 7");
  // Each instance has cases of its own, and the class is decorated once.
  const [one, two] = [new Letters(), new Letters()];
  expect((await Dag.from(one).run({ inputs: { label: "post", value: 1 } })).get("deliver" as never)).toBe(
    "posts 1 for 7",
  );
  expect([...Dag.from(two)].sort()).toEqual(["deliver", "fee", "pick"]);
}
