import { expect, it } from "vitest";
import { errorCodes } from "./support/error-codes.js";
import { headingsOf, PAGES, type Page } from "./support/pages.js";

it("Every code of an error has a heading in docs/errors.md, and no other is there", () => {
  const page = PAGES.find(({ path }) => path === "docs/errors.md") as Page;
  const documented = headingsOf(page).filter((heading) => /^[A-Z_]+$/u.test(heading));
  expect(documented.sort()).toEqual(errorCodes());
});
