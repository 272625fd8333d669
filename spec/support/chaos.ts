/** Service processes that share a database and a ledger, and what may be said of the ledger afterwards. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { DELAY, STEPS, tellLedger, type Told } from "./chaos-workflows.js";
import type { OpenSubject } from "./store-subjects.js";

/** Whether to take the full numbers, and not what fits between other specs. */
export const isFull = process.env.DAGWRIGHT_CHAOS === "full";

/** A line of a ledger. */
export interface Line {
  readonly what: Told | "kill";
  readonly pid: string;
  readonly runId: string;
  readonly call: string;
  readonly at: number;
}

export class Ledger {
  private readonly folder = mkdtempSync(join(tmpdir(), "dagwright-ledger-"));
  readonly path = join(this.folder, "ledger");

  constructor() {
    writeFileSync(this.path, "");
  }

  lines(): Line[] {
    const lines = readFileSync(this.path, "utf8").split("\n").slice(0, -1);
    return lines.map((line) => {
      const [what, pid, runId, call, at] = line.split(" ");
      return { what: what as Line["what"], pid, runId, call, at: Number(at) };
    });
  }

  /** The lines of each run. A kill is a line of each run. */
  byRun(): Map<string, Line[]> {
    const runs = new Map<string, Line[]>();
    const lines = this.lines();
    for (const { runId, what } of lines) if (what !== "kill") runs.set(runId, []);
    for (const line of lines) {
      if (line.what !== "kill") runs.get(line.runId)?.push(line);
      else for (const own of runs.values()) own.push(line);
    }
    return runs;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  killed({ pid }: ChildProcess): void {
    tellLedger(this.path, "kill", pid as number);
  }
}

/** Processes of one script. */
export class Fleet {
  /** The processes whose services have started, oldest first. */
  readonly processes = new Set<ChildProcess>();
  private readonly started = new Set<ChildProcess>();
  /** What the processes have printed as errors. */
  errors = "";

  constructor(
    private readonly script: string,
    private readonly database: string,
    private readonly ledger: Ledger,
  ) {}

  /** Starts a process. Resolves when its service has started. @param preload - code that it runs first */
  async start(settings: object = {}, preload?: string): Promise<ChildProcess> {
    const first = preload === undefined ? [] : ["--import", `data:text/javascript,${encodeURIComponent(preload)}`];
    const args = [...first, this.script, this.database, this.ledger.path, JSON.stringify(settings)];
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", "--expose-gc", ...args], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    child.stderr?.on("data", (data) => (this.errors += data));
    this.started.add(child);
    child.on("exit", () => (this.started.delete(child), this.processes.delete(child)));
    await Promise.race([
      once(child.stdout as NonNullable<typeof child.stdout>, "data"),
      once(child, "exit").then(([code]) => {
        throw new Error(`A process ended with ${code} before it was ready: ${this.errors}`);
      }),
    ]);
    this.processes.add(child);
    return child;
  }

  async kill(child: ChildProcess): Promise<void> {
    const exited = once(child, "exit");
    this.ledger.killed(child);
    child.kill("SIGKILL");
    await exited;
  }

  /** Stops a process' service. Resolves to the code that the process ends with. */
  async stop(child: ChildProcess): Promise<number> {
    const exited = once(child, "exit");
    child.send("stop");
    return (await exited)[0] as number;
  }

  async close(): Promise<void> {
    const processes = Array.from(this.started);
    await Promise.all(processes.map((child) => this.kill(child)));
  }
}

/** Records each end of a run, in the database itself. */
export async function countEnds(subject: OpenSubject): Promise<void> {
  const isEnd = (row: string) => `${row}.status in ('completed', 'failed', 'cancelled')`;
  await subject.execute("create table chaos_ends (run_id text, status text)");
  const when = `when ((${isEnd("old")} or ${isEnd("new")}) and old.status <> new.status)`;
  const note = "insert into chaos_ends values (new.id, new.status)";
  if (!subject.address().startsWith("postgres:")) {
    return subject.execute(`create trigger chaos_ends after update of status on runs ${when} begin ${note}; end`);
  }
  await subject.execute(
    `create function chaos_ends() returns trigger as 'begin ${note}; return new; end' language plpgsql`,
  );
  await subject.execute(
    `create trigger chaos_ends after update of status on runs for each row ${when} execute function chaos_ends()`,
  );
}

/** The runs that have ended, as often as they have. */
export async function endsOf(subject: OpenSubject): Promise<Map<string, string[]>> {
  const ends = new Map<string, string[]>();
  for (const { run_id, status } of await subject.rows("select run_id, status from chaos_ends")) {
    ends.set(run_id, [...(ends.get(run_id) ?? []), status]);
  }
  return ends;
}

/**
 * No completed call is made again: once the next one has begun, it was recorded, so an earlier one would be a
 * repetition. @param order - the calls of a run that has ended
 */
export function expectNoneRepeated(lines: readonly Line[], order: readonly string[]): void {
  let latest = -1;
  for (const { call, what, runId } of lines) {
    if (what !== "call") continue;
    const place = order.indexOf(call);
    expect(place, `${runId} called ${call} after ${order[latest]}, of ${order.join()}`).toBeGreaterThanOrEqual(latest);
    expect(place, `${runId} called ${call} after ${order[latest]}, of ${order.join()}`).toBeLessThanOrEqual(latest + 1);
    latest = place;
  }
  expect(latest).toBe(order.length - 1);
}

/** A call is made again only when the process that made it before was killed, and not beside it. */
export function expectNoneBeside(lines: readonly Line[]): void {
  const calls = new Map<string, string>();
  for (const { what, pid, call, runId } of lines) {
    if (what === "kill") {
      for (const [open, by] of calls) if (by === pid) calls.delete(open);
    } else if (what === "return") calls.delete(call);
    else {
      expect(calls, `${runId} called ${call} in two processes`).toEqual(new Map());
      calls.set(call, pid);
    }
  }
}

/** The delay of a run of `orders` has passed. */
export function expectDelayed(lines: readonly Line[]): void {
  const first = lines.findIndex(({ what, call }) => what === "call" && call === "rest");
  const before = lines.slice(0, first).filter(({ what, call }) => what === "return" && call === "paid");
  expect(lines[first].at - (before.at(-1)?.at ?? NaN)).toBeGreaterThanOrEqual(DELAY - 1);
}

/** @param lines - of a run of `orders` */
export function expectOrdered(lines: readonly Line[]): void {
  expectNoneRepeated(lines, STEPS);
  expectDelayed(lines);
}
