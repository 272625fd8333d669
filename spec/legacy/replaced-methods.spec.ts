import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { replacedMethodsContract } from "../support/replaced-methods.contract.js";
import type * as standard from "../support/wrapped.js";
import * as classes from "./wrapped.js";

replacedMethodsContract("legacy", classes as unknown as typeof standard);

it("uses the same classes as the spec for standard decorators, line by line", () => {
  const [legacy, standard] = ["./wrapped.ts", "../support/wrapped.ts"].map((file) =>
    readFileSync(new URL(file, import.meta.url), "utf8")
      .split("\n")
      .slice(1),
  );
  expect(legacy).toEqual(standard);
});
