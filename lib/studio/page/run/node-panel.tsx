import { useEffect, useRef, useState } from "preact/hooks";
import { RunActDialog } from "../acts/run-acts.js";
import type { Attempt, Cycle, NodePage, Place, Run } from "../data.js";
import { counted, durationText } from "../format.js";
import { Failure, Loading } from "../parts/message.js";
import { ProblemView } from "../parts/problem-view.js";
import { Status } from "../parts/status.js";
import { Time } from "../parts/time.js";
import { ValuesView, ValueView } from "../parts/value-view.js";
import { href } from "../router.js";
import { segment, useData } from "../server.js";
import type { LogLine } from "./live-run.js";
import { useReload } from "./use-reload.js";

interface NodePanelProps {
  readonly run: Run;
  readonly path: string;
  readonly mark: string;
  readonly progress: number | undefined;
  readonly log: readonly LogLine[];
  /** Undefined if the studio only shows. */
  readonly place: Place | undefined;
  readonly onClose: () => void;
}

/** All there is to know of a node. */
export function NodePanel({ run, path, mark, progress, log, place, onClose }: NodePanelProps) {
  const { data, error, reload } = useData<NodePage>(`runs/${segment(run.runId)}/nodes/${segment(path)}`);
  const [isReplaying, setReplaying] = useState(false);
  const heading = useRef<HTMLHeadingElement>(null);
  useReload(mark, reload);
  useEffect(() => heading.current?.focus({ preventScroll: true }), [path]);
  const isOwn = run.nodes.some(({ name }) => name === path);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") onClose();
  };
  return (
    <aside class="panel" aria-label={`Node ${path}`} onKeyDown={onKeyDown}>
      <div class="panel-head">
        <h2 ref={heading} tabIndex={-1}>
          {path}
        </h2>
        <button type="button" class="quiet" aria-label="Close" onClick={onClose}>
          ✕
        </button>
      </div>
      {error !== undefined && data === undefined ? (
        <Failure error={error} />
      ) : data === undefined ? (
        <Loading />
      ) : (
        <>
          <Facts node={data} progress={progress} />
          {place !== undefined && isOwn && run.kind === "dag" && run.status !== "queued" && (
            <button type="button" onClick={() => setReplaying(true)}>
              Replay from here…
            </button>
          )}
          {data.error !== undefined && (
            <Part title="Error">
              <ProblemView problem={data.error} />
            </Part>
          )}
          {data.inside.length > 0 && (
            <Part title="Runs inside">
              <ul class="plain">
                {data.inside.slice(-50).map((inner) => (
                  <li key={inner.runId}>
                    <Status status={inner.status} isBare /> <a href={href(["runs", inner.runId])}>{inner.runId}</a>
                  </li>
                ))}
              </ul>
            </Part>
          )}
          {data.cycleList.length === 0 && (
            <>
              <Part title="Inputs">
                <ValuesView values={data.input} none="It took none." />
              </Part>
              <Part title="Output">
                <ValueView value={data.output} />
              </Part>
            </>
          )}
          {data.cycleList.length > 0 && <Cycles cycles={data.cycleList} />}
          {data.itemCount > 0 && <Items node={data} runId={run.runId} path={path} />}
          {data.attemptList.length > 0 && (
            <Part title={counted(data.attemptList.length, "attempt")}>
              <ol class="attempts">
                {data.attemptList.map((attempt) => (
                  <AttemptView key={attempt.attempt} attempt={attempt} />
                ))}
              </ol>
            </Part>
          )}
          <Part title="Log">
            {log.length === 0 ? (
              <p class="note">
                Lines of ctx.log and ctx.progress are not recorded: they appear here live, if the process of the studio
                drives the run.
              </p>
            ) : (
              <div role="log" class="log">
                {log.slice(-200).map((line, i) => (
                  <p key={i}>
                    <Time at={line.at} /> {line.text}
                  </p>
                ))}
              </div>
            )}
          </Part>
        </>
      )}
      {isReplaying && place !== undefined && (
        <RunActDialog
          act="replay"
          node={path}
          run={run}
          place={place}
          onDone={() => {}}
          onClose={() => setReplaying(false)}
        />
      )}
    </aside>
  );
}

function Part({ title, children }: { readonly title: string; readonly children: preact.ComponentChildren }) {
  return (
    <section class="part">
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function Facts({ node, progress }: { readonly node: NodePage; readonly progress: number | undefined }) {
  const { status, kind, duration, startedAt, branch, cached, reason, waitingFor, resumable, items } = node;
  return (
    <>
      <p class="facts">
        <Status status={status} />
        {kind !== undefined && <span>{kind}</span>}
        {duration !== undefined && <span>{durationText(duration)}</span>}
        {branch !== undefined && <span>took {branch}</span>}
        {cached && <span>from the cache</span>}
        {startedAt !== undefined && <Time at={startedAt} />}
      </p>
      {status === "running" && progress !== undefined && (
        <progress value={progress} max={1} aria-label="Progress">
          {Math.round(progress * 100)} %
        </progress>
      )}
      {items !== undefined && (
        <progress
          value={(items.completed ?? 0) + (items.failed ?? 0)}
          max={Math.max(1, items.total ?? 1)}
          aria-label="Items"
        />
      )}
      {reason !== undefined && <blockquote>{reason}</blockquote>}
      {waitingFor !== undefined && (
        <p>
          {"event" in waitingFor ? (
            `Waits for ${waitingFor.event}`
          ) : (
            <>
              Waits until <Time at={waitingFor.until} />
            </>
          )}
        </p>
      )}
      {!resumable && <p class="note">Its result could not be stored: resuming the run computes it again.</p>}
    </>
  );
}

function AttemptView({ attempt }: { readonly attempt: Attempt }) {
  const { startedAt, finishedAt, error, worker } = attempt;
  return (
    <li>
      <p class="facts">
        <Status status={attempt.status} />
        <span>attempt {attempt.attempt}</span>
        {startedAt !== undefined && finishedAt !== undefined && <span>{durationText(finishedAt - startedAt)}</span>}
        <Time at={startedAt} />
      </p>
      {worker !== undefined && <p class="note">on {worker}</p>}
      {error !== undefined && <ProblemView problem={error} />}
    </li>
  );
}

function Cycles({ cycles }: { readonly cycles: readonly Cycle[] }) {
  return (
    <Part title={counted(cycles.length, "visit")}>
      <ol class="attempts">
        {cycles.slice(-50).map((cycle) => (
          <li key={cycle.cycle}>
            <p class="facts">
              <Status status={cycle.status} />
              <span>cycle {cycle.cycle}</span>
              {cycle.event !== undefined && <span>on {cycle.event}</span>}
            </p>
            <ValueView value={cycle.output} />
            {cycle.error !== undefined && <ProblemView problem={cycle.error} />}
          </li>
        ))}
      </ol>
    </Part>
  );
}

const ITEMS = 500;

function Items({ node, runId, path }: { readonly node: NodePage; readonly runId: string; readonly path: string }) {
  const [from, setFrom] = useState(0);
  const address = `runs/${segment(runId)}/nodes/${segment(path)}?from=${from}`;
  const later = useData<NodePage>(from === 0 ? undefined : address).data;
  const list = (from === 0 ? node : later)?.itemList ?? [];
  return (
    <Part title={`${node.itemCount.toLocaleString()} attempts of items`}>
      <table class="data">
        <thead>
          <tr>
            <th scope="col">Item</th>
            <th scope="col">Status</th>
            <th scope="col">Result</th>
          </tr>
        </thead>
        <tbody>
          {list.map((item) => (
            <tr key={`${item.node} ${item.attempt}`}>
              <th scope="row">{item.node.slice(node.name.length)}</th>
              <td>
                <Status status={item.status} isBare />
              </td>
              <td>{item.error === undefined ? <ValueView value={item.output} /> : item.error.message}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {node.itemCount > ITEMS && (
        <div class="buttons">
          <button type="button" disabled={from === 0} onClick={() => setFrom(Math.max(0, from - ITEMS))}>
            Earlier
          </button>
          <button type="button" disabled={from + ITEMS >= node.itemCount} onClick={() => setFrom(from + ITEMS)}>
            Later
          </button>
        </div>
      )}
    </Part>
  );
}
