import { afterEach, beforeEach, describe, expect, it, vi, type MockInstance } from "vitest";
import { node, workflow } from "dagwright";
import { useServices } from "../support/services.js";
import { sqliteSubject } from "../support/store-subjects.js";

function minified(name: string) {
  const Class = class {
    @node work(): number {
      return 1;
    }
  };
  return Object.defineProperty(Class, "name", { value: name });
}

describe("A workflow whose name looks minified causes a warning", () => {
  const { client, service } = useServices(sqliteSubject);
  let warned: MockInstance;
  beforeEach(() => {
    warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
  });
  afterEach(() => warned.mockRestore());
  const warnings = () => warned.mock.calls.map(([message]) => message as string);

  it("when a service or a client is made with it", () => {
    service({ workflows: [minified("q1")], versions: [] });
    expect(warnings()).toEqual([
      expect.stringMatching(/class "q1", which looks like a minifier's name.*@workflow\(\{ name:/u),
    ]);
    client({ workflows: [minified("q2")] });
    expect(warnings()[1]).toContain('class "q2"');
  });

  it("when it is submitted, or scheduled", async () => {
    const any = client();
    await any.submit(minified("q3"));
    await any.schedule("often", minified("q4"), { every: 1000 });
    expect(warnings()).toEqual([expect.stringContaining('class "q3"'), expect.stringContaining('class "q4"')]);
  });

  it("unless it has a name of its own, or is named", () => {
    service({ workflows: [workflow({ name: "q5" })(minified("q6"))] });
    client({ workflows: ["q7"] });
    expect(warnings()).toEqual([]);
  });
});
