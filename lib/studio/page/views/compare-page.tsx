import { useState } from "preact/hooks";
import type { Comparison, Side, Summary } from "../data.js";
import { durationText, whenText } from "../format.js";
import { Empty, Failure, Loading } from "../parts/message.js";
import { Status } from "../parts/status.js";
import { ValueView } from "../parts/value-view.js";
import { go, href, type Place } from "../router.js";
import { segment, useData } from "../server.js";

/** How two runs differ. */
export function ComparePage({ place }: { readonly place: Place }) {
  const [a, b] = ["a", "b"].map((name) => place.query.get(name) ?? "");
  const isComplete = a !== "" && b !== "";
  const { data, error } = useData<Comparison>(isComplete ? `compare?a=${segment(a)}&b=${segment(b)}` : undefined);
  return (
    <section class="page">
      <h1>Compare runs</h1>
      <Choice key={`${a} ${b}`} a={a} b={b} />
      {error !== undefined && <Failure error={error} />}
      {isComplete && data === undefined && error === undefined && <Loading />}
      {data !== undefined && <Differences data={data} />}
    </section>
  );
}

function Choice({ a, b }: { readonly a: string; readonly b: string }) {
  const [one, setOne] = useState(a);
  const [other, setOther] = useState(b);
  const known = useData<{ runs: readonly Summary[] }>("runs?limit=100").data?.runs ?? [];
  const onSubmit = (event: Event) => {
    event.preventDefault();
    go(["compare"], { a: one, b: other });
  };
  return (
    <form class="filters" onSubmit={onSubmit}>
      <label class="grows">
        <span>Run A</span>
        <input list="known-runs" value={one} required onInput={(event) => setOne(event.currentTarget.value)} />
      </label>
      <label class="grows">
        <span>Run B</span>
        <input list="known-runs" value={other} required onInput={(event) => setOther(event.currentTarget.value)} />
      </label>
      <datalist id="known-runs">
        {known.map(({ runId, workflow, status, createdAt }) => (
          <option key={runId} value={runId}>
            {workflow}, {status}, {whenText(createdAt)}
          </option>
        ))}
      </datalist>
      <button type="submit" class="primary">
        Compare
      </button>
    </form>
  );
}

function Differences({ data }: { readonly data: Comparison }) {
  const { a, b, inputs, nodes, same } = data;
  return (
    <>
      <div class="sides">
        {[a, b].map((run, i) => (
          <p key={run.runId} class="facts">
            <b>{i === 0 ? "A" : "B"}</b> <a href={href(["runs", run.runId])}>{run.runId}</a>
            <Status status={run.status} /> {run.workflow}
          </p>
        ))}
      </div>
      {inputs.length === 0 && nodes.length === 0 ? (
        <Empty title="The runs do not differ." />
      ) : (
        <p>
          {nodes.length} nodes differ, {same} are the same; {inputs.length} inputs differ.
        </p>
      )}
      {inputs.length > 0 && (
        <table class="data two">
          <caption>Inputs</caption>
          <Headings />
          <tbody>
            {inputs.map(({ name, a: one, b: other }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>
                  <ValueView value={one} />
                </td>
                <td>
                  <ValueView value={other} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {nodes.length > 0 && (
        <table class="data two">
          <caption>Nodes</caption>
          <Headings />
          <tbody>
            {nodes.map(({ node, differs, a: one, b: other }) => (
              <tr key={node}>
                <th scope="row">
                  {node}
                  <span class="node-note">{differs.join(", ")}</span>
                </th>
                {[one, other].map((side, i) => (
                  <td key={i}>
                    <SideView side={side} showsOutput={differs.includes("output") || differs.includes("presence")} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

function Headings() {
  return (
    <thead>
      <tr>
        <th scope="col">Name</th>
        <th scope="col">A</th>
        <th scope="col">B</th>
      </tr>
    </thead>
  );
}

function SideView({ side, showsOutput }: { readonly side: Side | undefined; readonly showsOutput: boolean }) {
  if (side === undefined) return <span class="absent">not there</span>;
  const { status, branch, attempts, duration, output } = side;
  return (
    <>
      <p class="facts">
        <Status status={status} />
        {branch !== undefined && <span>→ {branch}</span>}
        {attempts > 1 && <span>{attempts} attempts</span>}
        {duration !== undefined && <span>{durationText(duration)}</span>}
      </p>
      {showsOutput && <ValueView value={output} />}
    </>
  );
}
