import { expect, it } from "vitest";
import { Dag } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { useServices } from "../support/services.js";
import { faulty } from "../support/sqlite.js";
import { sqliteSubject, type OpenSubject } from "../support/store-subjects.js";
import { until } from "../support/waiting.js";

let subject: OpenSubject;
const { client, service } = useServices(async () => (subject = await sqliteSubject()));

it("A followed run that does not change is not read again, whatever other runs do", async () => {
  const patient = new Dag("patient");
  patient.event("paid");
  const busy = new Dag("busy");
  busy.node("a", () => 1);
  const serving = service({ workflows: [patient, busy] });
  await serving.start();
  const run = await serving.submit(patient);
  const { database, statements } = faulty(subject.address(), Infinity);
  const questions = () => statements.filter((sql) => sql.includes("recursive")).length;
  const readings = () => statements.filter((sql) => sql.startsWith('select * from "node_executions"')).length;
  await using store = sqliteStore(database);
  const following = client({ store, pollInterval: 5 });
  const types: string[] = [];
  const followed = (async () => {
    for await (const { type } of following.events(run)) types.push(type);
  })();
  await until(() => types.includes("node.waiting"));
  // The run is put away, which is read some time later. After that, nothing is.
  await until(async () => {
    const before = readings();
    for (let i = 0; i < 3; i++) await (await serving.submit(busy)).result();
    const asked = questions();
    await until(() => questions() > asked + 2);
    return readings() === before;
  });
  const before = readings();
  await serving.send(run, "paid", 1);
  await followed;
  expect(types.at(-1)).toBe("run.finished");
  expect(readings()).toBeGreaterThan(before);
});
