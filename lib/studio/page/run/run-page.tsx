import { useCallback, useState } from "preact/hooks";
import { RunActs } from "../acts/run-acts.js";
import type { Run, StudioFacts } from "../data.js";
import { agoText, tookText } from "../format.js";
import { CommandLine, Failure, Loading } from "../parts/message.js";
import { ProblemView } from "../parts/problem-view.js";
import { Status } from "../parts/status.js";
import { Time } from "../parts/time.js";
import { ValuesView } from "../parts/value-view.js";
import { adjust, href, type Place } from "../router.js";
import { GraphView } from "./graph-view.js";
import { useLiveRun } from "./live-run.js";
import { NodePanel } from "./node-panel.js";
import { NodeTable } from "./node-table.js";
import { Stepper } from "./stepper.js";
import { TimelineView } from "./timeline-view.js";

const VIEWS = { graph: "Graph", timeline: "Timeline", nodes: "Nodes", values: "Values" } as const;

type View = keyof typeof VIEWS;

/** A run: its graph, its times, its nodes and its values. */
export function RunPage({ place, studio }: { readonly place: Place; readonly studio: StudioFacts }) {
  const [, runId = ""] = place.parts;
  const live = useLiveRun(runId);
  const { data: run, error } = live;
  const given = place.query.get("view") ?? "";
  const view: View = Object.hasOwn(VIEWS, given) ? (given as View) : "graph";
  const node = place.query.get("node") ?? undefined;
  const [state, setState] = useState<string>();
  const show = useCallback(
    (change: { view?: string; node?: string | undefined }) => adjust(["runs", runId], { view, node, ...change }),
    [runId, view, node],
  );
  const select = useCallback((path: string) => show({ node: path }), [show]);
  if (error !== undefined && run === undefined) return <Failure error={error} />;
  if (run === undefined) return <Loading />;
  const selected = node ?? state;
  const { statuses, mark } = live;
  return (
    <section class="page fills">
      <Head run={run} studio={studio} onDone={live.reload} />
      <Told run={run} studio={studio} />
      <div
        class="tabs"
        role="tablist"
        aria-label="Views"
        onKeyDown={(event) => turn(event, view, (next) => show({ view: next }))}
      >
        {(Object.keys(VIEWS) as View[]).map((each) => (
          <button
            key={each}
            type="button"
            role="tab"
            id={`tab-${each}`}
            aria-selected={view === each}
            aria-controls="view"
            tabIndex={view === each ? 0 : -1}
            onClick={() => show({ view: each })}
          >
            {each === "nodes" && run.kind === "fsm" ? "States" : VIEWS[each]}
          </button>
        ))}
      </div>
      <div class={`split ${node === undefined ? "" : "has-panel"}`}>
        <div class="main-part" id="view" role="tabpanel" aria-labelledby={`tab-${view}`}>
          {run.kind === "fsm" && view === "graph" && <Stepper run={run} mark={mark} onState={setState} />}
          {view === "graph" && (
            <GraphView runId={runId} mark={mark} statuses={statuses} selected={selected} onSelect={select} />
          )}
          {view === "timeline" && <TimelineView runId={runId} mark={mark} selected={selected} onSelect={select} />}
          {view === "nodes" && <NodeTable run={run} statuses={statuses} selected={selected} onSelect={select} />}
          {view === "values" && <ValuesPart run={run} />}
        </div>
        {node !== undefined && (
          <NodePanel
            run={run}
            path={node}
            mark={mark}
            progress={live.progress.get(node)}
            log={live.logs.get(node) ?? []}
            place={studio.isReadOnly ? undefined : studio.place}
            onClose={() => show({ node: undefined })}
          />
        )}
      </div>
    </section>
  );
}

/** Arrows go from tab to tab. */
function turn(event: KeyboardEvent, view: View, show: (view: View) => void): void {
  const all = Object.keys(VIEWS) as View[];
  const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
  if (step === 0) return;
  event.preventDefault();
  const next = all[(all.indexOf(view) + step + all.length) % all.length];
  show(next);
  requestAnimationFrame(() => document.getElementById(`tab-${next}`)?.focus());
}

interface HeadProps {
  readonly run: Run;
  readonly studio: StudioFacts;
  readonly onDone: () => void;
}

function Head({ run, studio, onDone }: HeadProps) {
  const { runId, workflow, status, createdAt, parentRunId, parentNode, isChild, children } = run;
  return (
    <header class="run-head">
      <div class="title-line">
        <h1>
          {workflow} <Status status={status} />
        </h1>
        {!studio.isReadOnly && <RunActs run={run} place={studio.place} onDone={onDone} />}
      </div>
      <p class="facts">
        <span class="id">{runId}</span>
        <span>
          begun <Time at={createdAt} />
        </span>
        <span>{tookText(run)}</span>
        {parentRunId !== undefined && (
          <span>
            {isChild ? "inside" : "replays"}{" "}
            <a href={href(["runs", parentRunId], { node: parentNode })}>{parentRunId}</a>
          </span>
        )}
        {children.map((id) => (
          <span key={id}>
            replayed by <a href={href(["runs", id])}>{id}</a>
          </span>
        ))}
        <a
          href={href(["compare"], {
            a: parentRunId !== undefined && !isChild ? parentRunId : runId,
            b: parentRunId !== undefined && !isChild ? runId : undefined,
          })}
        >
          Compare
        </a>
      </p>
    </header>
  );
}

/** What a person has to know, and may have to do. */
function Told({ run, studio }: { readonly run: Run; readonly studio: StudioFacts }) {
  const { status, pauses, waitingFor, dueAt, error } = run;
  return (
    <>
      {status === "failed" && error !== undefined && <ProblemView problem={error} isFolded />}
      {status === "paused" && (
        <ul class="pauses" aria-label="Pauses">
          {pauses.map(({ node, reason, until }) => (
            <li key={node}>
              <b>{node}</b> {reason ?? "paused"}
              {until !== undefined && ` (until ${agoText(until)})`}
            </li>
          ))}
        </ul>
      )}
      {waitingFor !== undefined && status !== "paused" && (
        <p class="note">
          Waits for{" "}
          {[
            ...waitingFor.events,
            ...(waitingFor.until === undefined ? [] : [`a time, ${agoText(waitingFor.until)}`]),
          ].join(", ")}
          .
        </p>
      )}
      {status === "queued" && (
        <p class="note">
          {dueAt !== undefined && dueAt > Date.now() ? `Due ${agoText(dueAt)}. ` : ""}
          It waits for a service: dagwright service {studio.place.file} --store {studio.place.store}
        </p>
      )}
    </>
  );
}

function ValuesPart({ run }: { readonly run: Run }) {
  return (
    <div class="values-part">
      <h2>Inputs</h2>
      <ValuesView values={run.inputs} none="It took none." />
      <h2>Outputs</h2>
      <ValuesView values={run.outputs} none="There are none yet." />
      <h2>Metadata</h2>
      <ValuesView values={run.metadata} none="There is none." />
      {run.inside.length > 0 && (
        <>
          <h2>Runs inside</h2>
          <ul class="plain">
            {run.inside.map(({ runId, status }) => (
              <li key={runId}>
                <Status status={status} isBare /> <a href={href(["runs", runId])}>{runId}</a>
              </li>
            ))}
          </ul>
        </>
      )}
      <h2>On the command line</h2>
      <CommandLine line={run.command} />
    </div>
  );
}
