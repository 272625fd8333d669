import type { StudioFacts, WorkflowFacts } from "../data.js";
import { Empty, Failure, Loading } from "../parts/message.js";
import { Status } from "../parts/status.js";
import { href } from "../router.js";
import { useData } from "../server.js";

/** The workflows that can be started or have runs. */
export function WorkflowsPage({ studio }: { readonly studio: StudioFacts }) {
  const { data, error } = useData<{ workflows: readonly WorkflowFacts[] }>("workflows");
  if (error !== undefined) return <Failure error={error} />;
  if (data === undefined) return <Loading />;
  if (data.workflows.length === 0) return <Empty title="There are no workflows." />;
  return (
    <section class="page">
      <h1>Workflows</h1>
      <ul class="cards">
        {data.workflows.map(({ name, kind, description, isStartable, inputs, runs }) => (
          <li key={name} class="card">
            <div class="title-line">
              <h2>{name}</h2>
              {isStartable && !studio.isReadOnly && (
                <a class="button" href={href(["start"], { workflow: name })}>
                  Start…
                </a>
              )}
            </div>
            {description !== undefined && <p>{description}</p>}
            <p class="facts">
              {kind !== undefined && <span>{kind}</span>}
              {inputs !== undefined && (
                <span>
                  {inputs.length === 0 ? "no inputs" : `inputs: ${inputs.map((input) => input.name).join(", ")}`}
                </span>
              )}
              {Object.entries(runs).map(([status, count]) => (
                <a key={status} href={href(["runs"], { workflow: name, status })}>
                  <Status status={status} /> {count.toLocaleString()}
                </a>
              ))}
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}
