import { expect, it } from "vitest";
import { Dag } from "dagwright";
import { errorCodes } from "./support/error-codes.js";
import { anchorsOf, headingsOf, PAGES, type Page } from "./support/pages.js";

const page = PAGES.find(({ path }) => path === "docs/errors.md") as Page;

it("Every code of an error has a heading in docs/errors.md, and no other is there", () => {
  const documented = headingsOf(page).filter((heading) => /^[A-Z_]+$/u.test(heading));
  expect(documented.sort()).toEqual(errorCodes());
});

it("The `docs` of an error is the address of its code's heading", async () => {
  const dag = new Dag("late");
  dag.node("sleep", { timeout: 1 }, () => new Promise(() => {}));
  const error = await dag.run().catch((error: unknown) => error);
  expect(error).toMatchObject({ code: "NODE_TIMEOUT" });
  const [address, anchor] = (error as { docs: string }).docs.split("#");
  expect(address.endsWith(`/blob/main/${page.path}`)).toBe(true);
  expect(anchorsOf(page)).toContain(anchor);
});
