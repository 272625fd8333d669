import { useState } from "preact/hooks";
import { ownValue } from "../../../base/objects.js";
import { commandOf } from "../../commands.js";
import type { StudioFacts, WorkflowFacts } from "../data.js";
import { announce } from "../parts/announcer.js";
import { CommandLine, Empty, Failure, Loading } from "../parts/message.js";
import { adjust, go, type Place } from "../router.js";
import { post, useData } from "../server.js";
import { JsonField, typedValue } from "./json-field.js";
import { SchemaField, valueOf, type Draft } from "./schema-form.js";

/** Starts a run, with a form from the inputs' schemas. */
export function StartPage({ place, studio }: { readonly place: Place; readonly studio: StudioFacts }) {
  const { data, error } = useData<{ workflows: readonly WorkflowFacts[] }>("workflows");
  if (error !== undefined) return <Failure error={error} />;
  if (data === undefined) return <Loading />;
  const startable = data.workflows.filter(({ isStartable }) => isStartable);
  if (startable.length === 0) {
    return (
      <Empty title="There is no workflow to start.">
        <p>Give the studio the file that has them: dagwright studio workflows.ts --store runs.db</p>
      </Empty>
    );
  }
  const name = place.query.get("workflow") ?? "";
  const workflow = startable.find((each) => each.name === name) ?? startable[0];
  return (
    <section class="page narrow">
      <h1>Start a run</h1>
      <div class="field">
        <label for="start-workflow">Workflow</label>
        <select
          id="start-workflow"
          value={workflow.name}
          onChange={(event) => adjust(["start"], { workflow: event.currentTarget.value })}
        >
          {startable.map((each) => (
            <option key={each.name}>{each.name}</option>
          ))}
        </select>
        {workflow.description !== undefined && <p class="note">{workflow.description}</p>}
      </div>
      <StartForm key={workflow.name} workflow={workflow} studio={studio} />
    </section>
  );
}

function StartForm({ workflow, studio }: { readonly workflow: WorkflowFacts; readonly studio: StudioFacts }) {
  const { name, inputs } = workflow;
  const [drafts, setDrafts] = useState<Readonly<Record<string, Draft>>>({});
  const [json, setJson] = useState("");
  const [key, setKey] = useState("");
  const [error, setError] = useState<Error>();
  const [isBusy, setBusy] = useState(false);
  const made = inputsOf(inputs, drafts, json);
  const act =
    made === undefined
      ? undefined
      : ({ kind: "start", workflow: name, inputs: made, key: key === "" ? undefined : key } as const);
  const start = async (event: Event) => {
    event.preventDefault();
    if (act === undefined || isBusy) return;
    setBusy(true);
    try {
      const body = { workflow: name, inputs: act.inputs, ...(key === "" ? {} : { key }) };
      const { runId, isNew } = await post<{ runId: string; isNew: boolean }>("runs", body);
      announce(isNew ? "The run is queued." : "A run with this key was submitted before.");
      go(["runs", runId]);
    } catch (thrown) {
      setError(thrown as Error);
      setBusy(false);
    }
  };
  return (
    <form onSubmit={(event) => void start(event)}>
      {inputs === undefined ? (
        <JsonField
          label="Inputs by name"
          hint={'JSON, such as {"order": 17}; checked when a service begins the run'}
          text={json}
          onText={setJson}
        />
      ) : inputs.length === 0 ? (
        <p class="note">It takes no inputs.</p>
      ) : (
        inputs.map(({ name: input, required, schema, default: preset }) => (
          <SchemaField
            key={input}
            name={input}
            schema={schema}
            isRequired={required}
            draft={ownValue(drafts, input) ?? (preset === undefined ? undefined : draftOf(preset))}
            onDraft={(draft) => setDrafts((before) => ({ ...before, [input]: draft }))}
          />
        ))
      )}
      <details>
        <summary>More</summary>
        <div class="field">
          <label for="start-key">Key</label>
          <input id="start-key" value={key} onInput={(event) => setKey(event.currentTarget.value)} />
          <p class="note">Of several runs with the same key, only the first is recorded.</p>
        </div>
      </details>
      {act !== undefined && (
        <>
          <p class="note">The same on the command line:</p>
          <CommandLine line={commandOf(act, studio.place)} />
        </>
      )}
      {error !== undefined && <Failure error={error} />}
      <div class="buttons">
        <button type="submit" class="primary" disabled={act === undefined || isBusy}>
          Start the run
        </button>
      </div>
      <p class="note">
        It is queued for a service: dagwright service {studio.place.file} --store {studio.place.store}
      </p>
    </form>
  );
}

function draftOf(value: unknown): Draft {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return JSON.stringify(value);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, draftOf(each)]));
}

/** Undefined if what was typed is no valid JSON. */
function inputsOf(
  inputs: WorkflowFacts["inputs"],
  drafts: Readonly<Record<string, Draft>>,
  json: string,
): Record<string, unknown> | undefined {
  if (inputs === undefined) {
    const typed = typedValue(json);
    if (typed === undefined) return {};
    const value = "value" in typed ? typed.value : undefined;
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  }
  try {
    const entries = inputs.map(({ name, schema }) => [name, valueOf(ownValue(drafts, name), schema)] as const);
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  } catch {
    return undefined;
  }
}
