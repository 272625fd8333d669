import { useState } from "preact/hooks";
import type { Place, Run } from "../data.js";
import { go } from "../router.js";
import { segment } from "../server.js";
import { ActDialog, type Plan } from "./act-dialog.js";
import { JsonField, typedValue, type Typed } from "./json-field.js";

export type RunAct = "resume" | "answer" | "send" | "pause" | "cancel" | "replay" | "delete";

interface RunActsProps {
  readonly run: Run;
  readonly place: Place;
  readonly onDone: () => void;
}

const WORDS: Readonly<Record<RunAct, string>> = {
  answer: "Answer",
  send: "Send event",
  resume: "Resume",
  pause: "Pause",
  cancel: "Cancel",
  replay: "Replay",
  delete: "Delete",
};

/** What can be done with a run as it is. */
export function actsFor({ status, pauses, waitingFor, kind, isChild }: Run): RunAct[] {
  if (isChild) return [];
  const isOver = status === "completed" || status === "failed" || status === "cancelled";
  const canResume = status === "paused" || status === "failed" || status === "cancelled" || status === "waiting";
  return [
    ...(status === "paused" && pauses.length > 0 ? (["answer"] as const) : []),
    ...((waitingFor?.events.length ?? 0) > 0 ? (["send"] as const) : []),
    ...(canResume ? (["resume"] as const) : []),
    ...(status === "running" || status === "queued" ? (["pause"] as const) : []),
    ...(isOver ? [] : (["cancel"] as const)),
    ...(kind === "dag" && status !== "queued" ? (["replay"] as const) : []),
    ...(status === "running" ? [] : (["delete"] as const)),
  ];
}

/** The buttons of a run, each of which asks first. */
export function RunActs({ run, place, onDone }: RunActsProps) {
  const [act, setAct] = useState<RunAct>();
  const acts = actsFor(run);
  return (
    <div class="acts" role="group" aria-label="Acts">
      {acts.map((each, i) => (
        <button
          key={each}
          type="button"
          class={each === "cancel" || each === "delete" ? "risky" : i === 0 ? "primary" : ""}
          onClick={() => setAct(each)}
        >
          {WORDS[each]}…
        </button>
      ))}
      {act !== undefined && (
        <RunActDialog act={act} run={run} place={place} onDone={onDone} onClose={() => setAct(undefined)} />
      )}
    </div>
  );
}

interface RunActDialogProps extends RunActsProps {
  readonly act: RunAct;
  readonly onClose: () => void;
  /** The node that a replay begins with, if it is known. */
  readonly node?: string;
}

export function RunActDialog({ act, run, place, node, onDone, onClose }: RunActDialogProps) {
  const [text, setText] = useState("");
  const { pauses, waitingFor } = run;
  const options =
    act === "answer"
      ? pauses.map((pause) => pause.node)
      : act === "send"
        ? (waitingFor?.events ?? [])
        : run.nodes.map(({ name }) => name);
  const [chosen, setChosen] = useState(node ?? options[0] ?? "");
  const [isOnly, setOnly] = useState(false);
  const plan = planOf(act, run, chosen, typedValue(text), isOnly);
  const close = (answer: { readonly runId?: string }) => {
    onClose();
    if (act === "delete") go(["runs"]);
    else if (answer.runId !== undefined) go(["runs", answer.runId]);
    else onDone();
  };
  const pause = pauses.find((each) => each.node === chosen);
  return (
    <ActDialog
      plan={plan}
      title={`${WORDS[act]} ${act === "answer" ? "a pause" : "run"}`}
      place={place}
      onDone={close}
      onClose={onClose}
    >
      {(act === "answer" || act === "send" || act === "replay") && (
        <div class="field">
          <label for="act-choice">
            {act === "send" ? "Event" : act === "answer" ? "Node that paused" : "From node"}
          </label>
          <select id="act-choice" value={chosen} onChange={(event) => setChosen(event.currentTarget.value)}>
            {options.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </div>
      )}
      {act === "answer" && pause?.reason !== undefined && <blockquote>{pause.reason}</blockquote>}
      {act === "replay" && (
        <label class="check">
          <input type="checkbox" checked={isOnly} onChange={(event) => setOnly(event.currentTarget.checked)} /> Without
          the nodes after it
        </label>
      )}
      {(act === "answer" || act === "send") && (
        <JsonField
          label={act === "answer" ? "The node's result" : "Payload"}
          text={text}
          onText={setText}
          isRequired={act === "answer"}
        />
      )}
      {act === "cancel" && (
        <JsonField label="Reason" hint="Becomes part of the run's error" text={text} onText={setText} />
      )}
    </ActDialog>
  );
}

/** Undefined if something is missing. */
function planOf(act: RunAct, run: Run, chosen: string, typed: Typed, isOnly: boolean): Plan | undefined {
  const { runId, workflow } = run;
  const path = (verb: string) => `runs/${segment(runId)}/${verb}`;
  if (typed !== undefined && "problem" in typed) return undefined;
  switch (act) {
    case "answer": {
      if (typed === undefined) return undefined;
      const provide = { [chosen]: typed.value };
      const what = `"${chosen}" takes this as its result, and the run goes on.`;
      return {
        what,
        verb: "Answer",
        path: path("resume"),
        body: { provide },
        act: { kind: "resume", runId, workflow, provide },
        done: "The answer is recorded.",
      };
    }
    case "send": {
      const body = typed === undefined ? { event: chosen } : { event: chosen, payload: typed.value };
      return {
        what: `The run takes "${chosen}" once, wherever it is driven.`,
        verb: "Send",
        path: path("send"),
        body,
        act: { kind: "send", runId, event: chosen, payload: typed?.value },
        done: "The event is recorded.",
      };
    }
    case "resume":
      return {
        what: "The run is queued, and a service goes on with it from its record.",
        verb: "Resume",
        path: path("resume"),
        body: {},
        act: { kind: "resume", runId, workflow },
        done: "The run is queued.",
      };
    case "pause":
      return {
        what: "Nodes in flight complete, and no others start until it is resumed.",
        verb: "Pause",
        path: path("pause"),
        body: {},
        act: { kind: "pause", runId },
        done: "The run pauses.",
      };
    case "cancel": {
      const reason = typed === undefined ? undefined : String(typed.value);
      return {
        what: "The run ends as cancelled. Nodes in flight are aborted.",
        verb: "Cancel the run",
        path: path("cancel"),
        body: reason === undefined ? {} : { reason },
        act: { kind: "cancel", runId, reason },
        isDangerous: true,
        done: "The run is cancelled.",
      };
    }
    case "replay": {
      const only = isOnly ? { only: true } : {};
      const what = `A new run computes "${chosen}"${isOnly ? "" : " and the nodes after it"} again, with copies of all other results.`;
      return {
        what,
        verb: "Replay",
        path: path("replay"),
        body: { rerun: [chosen], ...only },
        act: { kind: "replay", runId, workflow, rerun: [chosen], ...only },
        done: "The replay is queued.",
      };
    }
    case "delete":
      return {
        what: "The run is deleted with its complete record. Nothing brings it back.",
        verb: "Delete the run",
        path: path("delete"),
        body: {},
        act: { kind: "delete", runId },
        isDangerous: true,
        done: "The run is deleted.",
      };
  }
}
