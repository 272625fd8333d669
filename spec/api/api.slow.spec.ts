import { expect, it } from "vitest";
import { reportsOn } from "./report.js";

/** Writes the reports anew, for a change that is meant. */
const UPDATE = "npx vitest run spec/api -u";

it(`The API is the one of the reports (${UPDATE})`, async () => {
  const names = [
    "index",
    "observers",
    "pictures",
    "otel",
    "backends",
    "store",
    "service",
    "bullmq",
    "testing",
    "studio",
  ];
  const entries = names.map((name) => `${name}.ts`);
  const [index, observers, pictures, otel, backends, store, service, bullmq, testing, studio] =
    await reportsOn(entries);
  await expect(page("dagwright", index)).toMatchFileSnapshot("dagwright.api.md");
  await expect(page("dagwright/observers", observers)).toMatchFileSnapshot("observers.api.md");
  await expect(page("dagwright/pictures", pictures)).toMatchFileSnapshot("pictures.api.md");
  await expect(page("dagwright/otel", otel)).toMatchFileSnapshot("otel.api.md");
  await expect(page("dagwright/backends", backends)).toMatchFileSnapshot("backends.api.md");
  await expect(page("dagwright/store", store)).toMatchFileSnapshot("store.api.md");
  await expect(page("dagwright/service", service)).toMatchFileSnapshot("service.api.md");
  await expect(page("dagwright/bullmq", bullmq)).toMatchFileSnapshot("bullmq.api.md");
  await expect(page("dagwright/testing", testing)).toMatchFileSnapshot("testing.api.md");
  await expect(page("dagwright/studio", studio)).toMatchFileSnapshot("studio.api.md");
});

const page = (name: string, report: string) => `# ${name}\n\nWritten by \`${UPDATE}\`.\n\n${report}`;
