import { describe, expect, it } from "vitest";
import { Dag } from "dagwright";
import { useServices } from "../support/services.js";
import type { OpenSubject } from "../support/store-subjects.js";

/** One workflow, as several builds of it have it: compilers number parameters that shadow variables. */
const builds = {
  "as in the source": {
    read: (path: string) => `read ${path}`,
    sum: (base: number, extra = 0) => base + extra,
  },
  "numbered by esbuild": {
    read: (path2: string) => `read ${path2}`,
    sum: (base: number, extra2 = 0) => base + extra2,
  },
  "numbered by Rollup": {
    read: (path$1: string) => `read ${path$1}`,
    sum: (base: number, extra$1 = 0) => base + extra$1,
  },
};
const names = Object.keys(builds) as (keyof typeof builds)[];

function build(name: keyof typeof builds): Dag<any> {
  const dag = new Dag<any>("built");
  dag.node("base", () => 1);
  dag.node("extra", () => 41);
  dag.node("read", builds[name].read);
  dag.node("sum", { needs: ["base"] }, builds[name].sum);
  dag.node("end", { needs: ["read", "sum"] }, (text: string, number: number) => `${text} ${number}`);
  return dag;
}

/** Which runs services drive whose workflows were built in another way. */
export function serviceBuildsContract(name: string, connect: () => Promise<OpenSubject>): void {
  describe(`On ${name}, a run that was submitted with parameters`, () => {
    const { client, service } = useServices(connect);

    it.each(names.flatMap((before) => names.map((after) => [before, after] as const)))(
      "%s is driven by a service with parameters %s",
      async (before, after) => {
        const serving = service({ workflows: [build(after)] });
        await serving.start();
        const run = await client({ workflows: [build(before)] }).submit("built", { inputs: { path: "a" } });
        expect(await run.result()).toMatchObject({ value: "read a 42" });
      },
    );

    it("that takes an input in the place of a node is driven", async () => {
      const dag = build("numbered by esbuild");
      const serving = service({ workflows: [dag] });
      await serving.start();
      const run = await client({ workflows: [dag] }).submit(dag, { inputs: { path: "a", extra2: 5 } });
      expect(((await run.result()) as { outputs: object }).outputs).toEqual({ extra: 41, end: "read a 6" });
    });

    it("of other names stays for a service that has these", async () => {
      const renamed = new Dag<any>("built");
      renamed.node("read", (file: string) => file);
      const original = new Dag<any>("built");
      original.node("read", (path: string) => path);
      const serving = service({ workflows: [renamed] });
      const run = await client({ workflows: [original] }).submit(original, { inputs: { path: "a" } });
      await serving.start();
      expect((await serving.get(run.runId))!.status).toBe("queued");
      await service({ workflows: [renamed], versions: [original] }).start();
      expect(await run.result()).toMatchObject({ value: "a" });
    });
  });
}
