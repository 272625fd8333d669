import { expect, it } from "vitest";
import { reportsOn } from "./report.js";

/** Writes the reports anew, for a change that is meant. */
const UPDATE = "npx vitest run spec/api -u";

it(`The API is the one of the reports (${UPDATE})`, async () => {
  const [index, store] = await reportsOn(["index.ts", "store.ts"]);
  await expect(page("dagwright", index)).toMatchFileSnapshot("dagwright.api.md");
  await expect(page("dagwright/store", store)).toMatchFileSnapshot("store.api.md");
});

const page = (name: string, report: string) => `# ${name}\n\nWritten by \`${UPDATE}\`.\n\n${report}`;
