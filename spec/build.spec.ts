import { expect, it } from "vitest";
import { lightCache } from "../tsdown.config.js";

const file = (name: string) => `/project/node_modules/lru-cache/dist/esm/${name}`;

it("The build fails when lru-cache no longer has the files that it replaces", () => {
  const whole = lightCache();
  for (const name of ["perf.js", "diagnostics-channel.js"]) expect(whole.transform("", file(name))).not.toBe(null);
  expect(whole.transform("", file("index.js"))).toBe(null);
  expect(() => whole.generateBundle()).not.toThrow();

  const renamed = lightCache();
  renamed.transform("", file("perf.js"));
  renamed.transform("", "/project/node_modules/other/diagnostics-channel.js");
  expect(() => renamed.generateBundle()).toThrow("lru-cache loads no diagnostics-channel.js");
});
