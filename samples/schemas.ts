/**
 * Schemas: zod checks what a workflow is given, and what its nodes return. Shows defaults, and all problems at once.
 *
 * Prints:
 *
 *     3 of 4 orders since 2026-01-10
 *     input "since": Invalid input: expected date, received Date
 *     input "limit": Too small: expected number to be >=1
 *     Node "load" returned an invalid result at [3].id: Invalid input: expected string, received number.
 */
import { z } from "zod";
import { Dag, ExecutionError, ValidationError } from "dagwright";

const orders = z.array(z.object({ id: z.string(), day: z.coerce.date() }));
const stored: unknown[] = ["2026-01-09", "2026-01-10", "2026-01-11", "2026-01-12"].map((day, i) => ({
  id: `o${i}`,
  day,
}));

const report = new Dag("report", {
  inputs: { since: z.coerce.date(), limit: z.number().min(1).default(100) },
});
const load = report.node("load", { output: orders }, () => stored as unknown);
const recent = report.node("recent", { needs: [load] }, (all, since: Date, limit: number) =>
  all.filter(({ day }) => day >= since).slice(0, limit),
);

const run = await report.run({ inputs: { since: "2026-01-10" } });
const since = run.context.inputs.since as Date;
console.log(`${run.get(recent)?.length} of ${run.get(load)?.length} orders since ${since.toISOString().slice(0, 10)}`);

try {
  await report.run({ inputs: { since: "never", limit: 0 } });
} catch (error) {
  if (!(error instanceof ValidationError)) throw error;
  for (const { path = [], message } of error.issues)
    console.log(`input "${String(path[0])}": ${message.slice(message.indexOf(": ") + 2, -1)}`);
}

stored[3] = { id: 3, day: "2026-01-12" };
try {
  await report.run({ inputs: { since: "2026-01-10" } });
} catch (error) {
  if (!(error instanceof ExecutionError)) throw error;
  console.log(error.message.slice(0, error.message.indexOf(" Correct")));
}
