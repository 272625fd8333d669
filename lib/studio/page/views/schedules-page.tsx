import { useState } from "preact/hooks";
import { ActDialog } from "../acts/act-dialog.js";
import type { Schedule, StudioFacts } from "../data.js";
import { agoText, durationText } from "../format.js";
import { Empty, Failure, Loading } from "../parts/message.js";
import { Time } from "../parts/time.js";
import { go, href } from "../router.js";
import { segment, useData, useRepeat } from "../server.js";

type Verb = "trigger" | "pause" | "resume" | "remove";

const WORDS: Readonly<Record<Verb, readonly [verb: string, what: string, done: string]>> = {
  trigger: ["Run now", "A run is submitted now. The next time stays the same.", "A run is queued."],
  pause: ["Pause", "No runs are submitted until it is resumed.", "The schedule is paused."],
  resume: ["Resume", "Runs are submitted again, from the next time on.", "The schedule goes on."],
  remove: ["Remove", "The schedule is removed. Its runs stay.", "The schedule is removed."],
};

/** When runs begin by themselves. */
export function SchedulesPage({ studio }: { readonly studio: StudioFacts }) {
  const { data, error, reload } = useData<{ schedules: readonly Schedule[] }>("schedules");
  const [chosen, setChosen] = useState<{ name: string; verb: Verb }>();
  useRepeat(5000, reload);
  if (error !== undefined && data === undefined) return <Failure error={error} />;
  if (data === undefined) return <Loading />;
  return (
    <section class="page">
      <h1>Schedules</h1>
      {data.schedules.length === 0 ? (
        <Empty title="There are no schedules.">
          <p>Record one with service.schedule(…), or dagwright schedule add.</p>
        </Empty>
      ) : (
        <ul class="cards">
          {data.schedules.map((schedule) => (
            <li key={schedule.name} class="card">
              <Card
                schedule={schedule}
                isReadOnly={studio.isReadOnly}
                onAct={(verb) => setChosen({ name: schedule.name, verb })}
              />
            </li>
          ))}
        </ul>
      )}
      {chosen !== undefined && (
        <ActDialog
          title={`${WORDS[chosen.verb][0]}: ${chosen.name}`}
          place={studio.place}
          plan={{
            what: WORDS[chosen.verb][1],
            verb: WORDS[chosen.verb][0],
            path: `schedules/${segment(chosen.name)}/${chosen.verb}`,
            body: {},
            act: { kind: "schedule", verb: chosen.verb, name: chosen.name },
            isDangerous: chosen.verb === "remove",
            done: WORDS[chosen.verb][2],
          }}
          onDone={({ runId }) => {
            setChosen(undefined);
            if (runId === undefined) reload();
            else go(["runs", runId]);
          }}
          onClose={() => setChosen(undefined)}
        />
      )}
    </section>
  );
}

interface CardProps {
  readonly schedule: Schedule;
  readonly isReadOnly: boolean;
  readonly onAct: (verb: Verb) => void;
}

function Card({ schedule, isReadOnly, onAct }: CardProps) {
  const { name, workflow, next, last, paused, error } = schedule;
  const verbs: readonly Verb[] = ["trigger", paused ? "resume" : "pause", "remove"];
  return (
    <>
      <div class="title-line">
        <h2>{name}</h2>
        {!isReadOnly && (
          <div class="acts">
            {verbs.map((verb) => (
              <button key={verb} type="button" class={verb === "remove" ? "risky" : ""} onClick={() => onAct(verb)}>
                {WORDS[verb][0]}…
              </button>
            ))}
          </div>
        )}
      </div>
      <p class="facts">
        <a href={href(["runs"], { workflow })}>{workflow}</a>
        <code>{timingText(schedule)}</code>
        {paused && <b>paused</b>}
      </p>
      <p class="facts">
        {next !== undefined && (
          <span>
            next <Time at={Date.parse(next)} /> ({agoText(Date.parse(next))})
          </span>
        )}
        <span>
          {last === undefined ? (
            "had no run yet"
          ) : (
            <>
              last <Time at={Date.parse(last)} />
            </>
          )}
        </span>
      </p>
      {error !== undefined && <p class="failure">{error.message}</p>}
    </>
  );
}

function timingText({ cron, timezone, every, at }: Schedule): string {
  if (cron !== undefined) return timezone === undefined ? cron : `${cron} (${timezone})`;
  if (every !== undefined) return `every ${durationText(every)}`;
  return at === undefined ? "unreadable" : `once, at ${at}`;
}
