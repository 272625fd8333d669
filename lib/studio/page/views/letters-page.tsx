import { useEffect, useState } from "preact/hooks";
import { RunActDialog, type RunAct } from "../acts/run-acts.js";
import type { Letter, Run, StudioFacts } from "../data.js";
import { Empty, Failure, Loading } from "../parts/message.js";
import { ProblemView } from "../parts/problem-view.js";
import { Time } from "../parts/time.js";
import { href } from "../router.js";
import { get, segment, useData } from "../server.js";

interface Page {
  readonly runs: readonly Letter[];
  readonly cursor?: string;
}

/** The runs that failed, and stay until a person decides about them. */
export function LettersPage({ studio }: { readonly studio: StudioFacts }) {
  const [cursors, setCursors] = useState<readonly string[]>([""]);
  const cursor = cursors[cursors.length - 1];
  const { data, error, reload } = useData<Page>(`dead-letters?cursor=${segment(cursor)}`);
  const [chosen, setChosen] = useState<{ run: Run; act: RunAct }>();
  const [failure, setFailure] = useState<Error>();
  useEffect(() => setFailure(undefined), [chosen]);
  if (error !== undefined && data === undefined) return <Failure error={error} />;
  if (data === undefined) return <Loading />;
  const choose = (runId: string, act: RunAct) =>
    void get<Run>(`runs/${segment(runId)}`).then((run) => setChosen({ run, act }), setFailure);
  return (
    <section class="page">
      <h1>Dead letters</h1>
      <p class="note">Runs that failed. They stay as they are until they are resumed, replayed or deleted.</p>
      {failure !== undefined && <Failure error={failure} />}
      {data.runs.length === 0 ? (
        <Empty title="No run has failed." />
      ) : (
        <ul class="cards">
          {data.runs.map(({ runId, workflow, createdAt, error: problem, failed }) => (
            <li key={runId} class="card">
              <div class="title-line">
                <h2>
                  <a href={href(["runs", runId], { view: "graph", node: failed[0] })}>{workflow}</a>
                </h2>
                {!studio.isReadOnly && (
                  <div class="acts">
                    <button type="button" onClick={() => choose(runId, "resume")}>
                      Resume…
                    </button>
                    <button type="button" onClick={() => choose(runId, "replay")}>
                      Replay…
                    </button>
                    <button type="button" class="risky" onClick={() => choose(runId, "delete")}>
                      Delete…
                    </button>
                  </div>
                )}
              </div>
              <p class="facts">
                <span class="id">{runId}</span>
                <Time at={createdAt} />
                {failed.length > 0 && <span>failed in {failed.slice(0, 5).join(", ")}</span>}
              </p>
              {problem !== undefined && <ProblemView problem={problem} />}
            </li>
          ))}
        </ul>
      )}
      <div class="buttons">
        <button type="button" disabled={cursors.length === 1} onClick={() => setCursors(cursors.slice(0, -1))}>
          Newer
        </button>
        <button
          type="button"
          disabled={data.cursor === undefined}
          onClick={() => data.cursor !== undefined && setCursors([...cursors, data.cursor])}
        >
          Older
        </button>
      </div>
      {chosen !== undefined && (
        <RunActDialog
          {...chosen}
          node={chosen.run.nodes.find(({ status }) => status === "failed")?.name}
          place={studio.place}
          onDone={reload}
          onClose={() => setChosen(undefined)}
        />
      )}
    </section>
  );
}
