import { useState } from "preact/hooks";
import type { Summary, WorkflowFacts } from "../data.js";
import { agoText, tookText } from "../format.js";
import { Empty, Failure, Loading } from "../parts/message.js";
import { Status } from "../parts/status.js";
import { Time } from "../parts/time.js";
import { VirtualList } from "../parts/virtual-list.js";
import { adjust, href, type Place } from "../router.js";
import { useData, useRepeat } from "../server.js";
import { useNarrow } from "../parts/narrow.js";
import { useRunList } from "./run-list.js";
import { TimeFilter } from "./time-filter.js";

const STATUSES = ["running", "queued", "waiting", "paused", "completed", "failed", "cancelled"];
const HOUR = 3_600_000;
/** How often runs are counted, in ms. */
const COUNTED = 5000;
const BETWEEN = "between";
const PERIODS = {
  "": "Any time",
  "1": "Last hour",
  "24": "Last day",
  "168": "Last week",
  "720": "Last month",
  [BETWEEN]: "Between …",
};
/** What the address has of what is asked for. */
const CONDITIONS = ["workflow", "status", "text", "hours", "since", "until"] as const;
const NONE = { workflow: "", status: "", text: "", hours: "", since: "", until: "" };

/** All runs, newest first. */
export function RunsPage({ place, canStart }: { readonly place: Place; readonly canStart: boolean }) {
  const { query } = place;
  const [openedAt] = useState(() => Date.now());
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const { data, reload } = useData<{ workflows: readonly WorkflowFacts[] }>("workflows");
  useRepeat(COUNTED, reload);
  const conditions = { ...NONE, ...Object.fromEntries(CONDITIONS.map((name) => [name, query.get(name) ?? ""])) };
  const { workflow, status, text, hours, since, until } = conditions;
  const asked = new URLSearchParams({ workflow, status, text });
  if (hours === BETWEEN) {
    asked.set("since", since);
    asked.set("until", until);
  } else if (hours !== "") asked.set("since", String(openedAt - Number(hours) * HOUR));
  const list = useRunList(asked.toString(), text !== "");
  const isNarrow = useNarrow();
  const set = (change: Record<string, string>) => adjust(["runs"], { ...conditions, ...change });
  const choose = (runId: string) =>
    setChosen((before) =>
      before.includes(runId) ? before.filter((id) => id !== runId) : [...before.slice(-1), runId],
    );
  const counts = countsOf(data?.workflows, workflow);
  const isFiltered = Object.values(conditions).some((each) => each !== "");
  return (
    <section class="page fills">
      <div class="title-line">
        <h1>Runs</h1>
        {chosen.length === 2 && (
          <a class="button" href={href(["compare"], { a: chosen[0], b: chosen[1] })}>
            Compare the two
          </a>
        )}
        {canStart && (
          <a class="button primary" href={href(["start"], { workflow })}>
            Start a run
          </a>
        )}
      </div>
      <div class="chips" role="group" aria-label="Status">
        <button type="button" class="chip" aria-pressed={status === ""} onClick={() => set({ status: "" })}>
          All <span class="count">{counts.all ?? ""}</span>
        </button>
        {STATUSES.map((each) => (
          <button
            key={each}
            type="button"
            class="chip"
            aria-pressed={status === each}
            onClick={() => set({ status: each })}
          >
            <Status status={each} /> <span class="count">{counts[each] ?? 0}</span>
          </button>
        ))}
      </div>
      <div class="filters">
        <label>
          <span>Workflow</span>
          <select value={workflow} onChange={(event) => set({ workflow: event.currentTarget.value })}>
            <option value="">All workflows</option>
            {workflow !== "" && !data?.workflows.some(({ name }) => name === workflow) && <option>{workflow}</option>}
            {data?.workflows.map(({ name }) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span>Begun</span>
          <select value={hours} onChange={(event) => set({ hours: event.currentTarget.value, since: "", until: "" })}>
            {Object.entries(PERIODS).map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        </label>
        {hours === BETWEEN && (
          <>
            <TimeFilter label="Since" value={since} onValue={(value) => set({ since: value })} />
            <TimeFilter label="Until" value={until} onValue={(value) => set({ until: value })} />
          </>
        )}
        <label class="grows">
          <span>Search</span>
          <input
            type="search"
            value={text}
            placeholder="Id, workflow, state, metadata"
            onChange={(event) => set({ text: event.currentTarget.value })}
          />
        </label>
      </div>
      {list.error !== undefined && <Failure error={list.error} />}
      {list.runs.length === 0 && list.error === undefined ? (
        list.isLoading ? (
          <Loading />
        ) : isFiltered ? (
          <Empty title="No runs meet these conditions.">
            <button type="button" onClick={() => set(NONE)}>
              Show all runs
            </button>
          </Empty>
        ) : (
          <Empty title="There are no runs yet.">
            <p>Runs with this store appear here as soon as they are recorded.</p>
          </Empty>
        )
      ) : (
        <VirtualList
          items={list.runs}
          keyOf={({ runId }) => runId}
          label="Runs"
          rowHeight={isNarrow ? 68 : 44}
          onSeen={list.onSeen}
          row={(run) => <Row run={run} isChosen={chosen.includes(run.runId)} onChoose={choose} />}
        />
      )}
      <p class="foot" role="status">
        {list.runs.length.toLocaleString()} {list.isComplete ? "runs" : "runs loaded, more when you scroll"}
      </p>
    </section>
  );
}

interface RowProps {
  readonly run: Summary;
  readonly isChosen: boolean;
  readonly onChoose: (runId: string) => void;
}

function Row({ run, isChosen, onChoose }: RowProps) {
  return (
    <>
      <span role="cell" class="cell-choose">
        <input
          type="checkbox"
          aria-label={`Compare ${run.runId}`}
          checked={isChosen}
          onChange={() => onChoose(run.runId)}
        />
      </span>
      <span role="cell" class="cell-status">
        <Status status={run.status} />
      </span>
      <span role="cell" class="cell-name">
        <a href={href(["runs", run.runId])}>
          <b>{run.workflow}</b> <span class="id">{run.runId}</span>
        </a>
      </span>
      <span role="cell" class="cell-note">
        {noteOf(run)}
      </span>
      <span role="cell" class="cell-took">
        {tookText(run)}
      </span>
      <span role="cell" class="cell-when">
        <Time at={run.createdAt} />
      </span>
    </>
  );
}

/** What else there is to know of a run that has not ended. */
export function noteOf({ status, waitingFor, pauseReason, currentState, finishedAt, dueAt }: Summary): string {
  if (status === "paused") return pauseReason ?? "paused";
  if (waitingFor !== undefined && waitingFor.events.length > 0) return `waits for ${waitingFor.events.join(", ")}`;
  const until = waitingFor?.until ?? dueAt;
  if (until !== undefined && finishedAt === undefined && status !== "running") return `goes on ${agoText(until)}`;
  return currentState === undefined || finishedAt !== undefined ? "" : `in ${currentState}`;
}

function countsOf(workflows: readonly WorkflowFacts[] | undefined, workflow: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { name, runs } of workflows ?? []) {
    if (workflow !== "" && name !== workflow) continue;
    for (const [status, count] of Object.entries(runs)) {
      counts[status] = (counts[status] ?? 0) + count;
      counts.all = (counts.all ?? 0) + count;
    }
  }
  return counts;
}
