/** What may be said of the limits and rates of services that suffer. */
import { expect } from "vitest";
import type { OpenSubject } from "./store-subjects.js";
import { sleep } from "./waiting.js";

/** Records when runs begin, in the database itself. */
export async function recordStarts(subject: OpenSubject): Promise<void> {
  await subject.execute("create table chaos_starts (workflow text, started_at double precision)");
  const note = "insert into chaos_starts values (new.workflow, new.started_at)";
  if (!subject.address().startsWith("postgres:")) {
    return subject.execute(`create trigger chaos_starts after insert on starts begin ${note}; end`);
  }
  await subject.execute(
    `create function chaos_starts() returns trigger as 'begin ${note}; return new; end' language plpgsql`,
  );
  await subject.execute(
    "create trigger chaos_starts after insert on starts for each row execute function chaos_starts()",
  );
}

/** No more runs of a workflow began in any window than its rate allows, and each of them once. */
export async function expectRate(
  subject: OpenSubject,
  workflow: string,
  runs: number,
  { limit, interval }: { readonly limit: number; readonly interval: number },
): Promise<void> {
  const rows = await subject.rows(
    `select started_at from chaos_starts where workflow = '${workflow}' order by started_at`,
  );
  const starts = rows.map(({ started_at }) => Number(started_at));
  expect(starts).toHaveLength(runs);
  for (let i = limit; i < starts.length; i++) expect(starts[i] - starts[i - limit]).toBeGreaterThanOrEqual(interval);
}

/** Watches how many runs of a workflow are driven. Resolves to the largest number when `isOver` says so. */
export async function mostDriven(subject: OpenSubject, workflow: string, isOver: () => boolean): Promise<number> {
  let most = 0;
  while (!isOver()) {
    const isDriven = `workflow = '${workflow}' and is_child = 0 and owner is not null`;
    const [{ n }] = await subject.rows(`select count(*) as n from runs where ${isDriven}`);
    most = Math.max(most, Number(n));
    await sleep(20);
  }
  return most;
}
