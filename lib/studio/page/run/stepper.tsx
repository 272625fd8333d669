import { useState } from "preact/hooks";
import type { Cycle, Run } from "../data.js";
import { durationText } from "../format.js";
import { ProblemView } from "../parts/problem-view.js";
import { Status } from "../parts/status.js";
import { ValueView } from "../parts/value-view.js";
import { segment, useData } from "../server.js";
import { useReload } from "./use-reload.js";

interface StepperProps {
  readonly run: Run;
  readonly mark: string;
  readonly onState: (state: string) => void;
}

const PAGE = 500;

/** Goes through the cycles of an fsm, one by one. */
export function Stepper({ run, mark, onState }: StepperProps) {
  const { runId, cycleCount, cycles: latest } = run;
  const [at, setAt] = useState<number>();
  const current = Math.min(at ?? cycleCount - 1, cycleCount - 1);
  const start = Math.max(0, cycleCount - PAGE);
  const from = current >= start ? undefined : Math.floor(current / PAGE) * PAGE;
  const earlier = useData<Run>(from === undefined ? undefined : `runs/${segment(runId)}?cycles=${from}`);
  useReload(mark, earlier.reload);
  if (cycleCount === 0) return <p class="note">It has entered no state yet.</p>;
  const cycle = from === undefined ? latest[current - start] : earlier.data?.cycles[current - from];
  const step = (to: number) => {
    const next = Math.min(cycleCount - 1, Math.max(0, to));
    setAt(next);
    const found = next >= start ? latest[next - start] : undefined;
    if (found !== undefined) onState(found.state);
  };
  return (
    <section class="stepper" aria-label="Cycles">
      <div class="stepper-bar">
        <button type="button" disabled={current === 0} onClick={() => step(0)} aria-label="First cycle">
          «
        </button>
        <button type="button" disabled={current === 0} onClick={() => step(current - 1)} aria-label="Cycle before">
          ‹
        </button>
        <label class="grows">
          <span class="unseen">Cycle</span>
          <input
            type="range"
            min={0}
            max={cycleCount - 1}
            value={current}
            aria-valuetext={`Cycle ${current}${cycle === undefined ? "" : `, ${cycle.state}`}`}
            onInput={(event) => step(Number(event.currentTarget.value))}
          />
        </label>
        <button
          type="button"
          disabled={current === cycleCount - 1}
          onClick={() => step(current + 1)}
          aria-label="Next cycle"
        >
          ›
        </button>
        <button
          type="button"
          disabled={current === cycleCount - 1}
          onClick={() => step(cycleCount - 1)}
          aria-label="Last cycle"
        >
          »
        </button>
        <span class="count">
          {current + 1} of {cycleCount.toLocaleString()}
        </span>
      </div>
      {cycle !== undefined && <CycleView cycle={cycle} />}
    </section>
  );
}

function CycleView({ cycle }: { readonly cycle: Cycle }) {
  const { state, status, attempts, startedAt, finishedAt, input, output, event, error } = cycle;
  return (
    <div aria-live="polite">
      <p class="facts">
        <b>{state}</b>
        <Status status={status === "entered" ? "pending" : status} />
        {event !== undefined && <span>on {event}</span>}
        {attempts > 1 && <span>{attempts} attempts</span>}
        {startedAt !== undefined && finishedAt !== undefined && <span>{durationText(finishedAt - startedAt)}</span>}
      </p>
      <dl class="values">
        {input !== undefined && (
          <div>
            <dt>input</dt>
            <dd>
              <ValueView value={input} />
            </dd>
          </div>
        )}
        <div>
          <dt>value</dt>
          <dd>
            <ValueView value={output} />
          </dd>
        </div>
      </dl>
      {error !== undefined && <ProblemView problem={error} />}
    </div>
  );
}
