import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { timeAxis } from "../../../pictures/time-axis.js";
import type { Bar, Timeline } from "../data.js";
import { durationText } from "../format.js";
import { Empty, Failure, Loading } from "../parts/message.js";
import { segment, useData } from "../server.js";
import { useReload } from "./use-reload.js";

interface TimelineViewProps {
  readonly runId: string;
  readonly mark: string;
  readonly selected: string | undefined;
  readonly onSelect: (node: string) => void;
}

const ROW = 26;

/** What the text of a mark takes, and the least that is seen of a bar, in px. */
const MARK = 64;
const SPECK = 3;

/** When the attempts of a run ran, by worker. */
export function TimelineView({ runId, mark, selected, onSelect }: TimelineViewProps) {
  const { data, error, reload } = useData<Timeline>(`runs/${segment(runId)}/timeline`);
  useReload(mark, reload);
  if (error !== undefined) return <Failure error={error} />;
  if (data === undefined) return <Loading />;
  if (data.lanes.length === 0) return <Empty title="Nothing has run yet." />;
  return <Lanes timeline={data} selected={selected} onSelect={onSelect} />;
}

interface LanesProps {
  readonly timeline: Timeline;
  readonly selected: string | undefined;
  readonly onSelect: (node: string) => void;
}

function Lanes({ timeline: { lanes, end, leftOut }, selected, onSelect }: LanesProps) {
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(600);
  useLayoutEffect(() => {
    const element = frame.current as HTMLDivElement;
    const observer = new ResizeObserver(() => setWidth(Math.max(160, element.clientWidth)));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const rows = lanes.flatMap((lane) => lane.rows);
  const periods = rows.flatMap(({ bars, gaps }) => [...bars, ...gaps.filter(({ kind }) => kind !== "pause")]);
  const axis = timeAxis(periods, end, width);
  const marks = axis.stretches
    .filter(({ isBreak }) => !isBreak)
    .flatMap((stretch) => {
      const first = Math.ceil(stretch.start / axis.step);
      const count = Math.min(20, Math.floor(stretch.end / axis.step) - first + 1);
      return Array.from({ length: Math.max(0, count) }, (_, i) => (first + i) * axis.step);
    });
  const extent = ({ start, end: until }: { readonly start: number; readonly end: number }) => ({
    left: `${Math.min(axis.at(start), width - SPECK)}px`,
    width: `${Math.max(SPECK, axis.at(until) - axis.at(start))}px`,
  });
  return (
    <div class="timeline">
      <div class="timeline-names" aria-hidden="true" />
      <div class="timeline-axis" ref={frame}>
        {marks.map((at) => (
          <span
            key={at}
            class={`timeline-mark ${axis.at(at) > width - MARK ? "last" : ""}`}
            style={{ left: `${axis.at(at)}px` }}
          >
            {durationText(at)}
          </span>
        ))}
      </div>
      {lanes.map(({ worker, rows: own }) => (
        <section key={worker} class="lane" aria-label={`Worker ${worker}`}>
          <h2 class="lane-name">{worker}</h2>
          {own.map(({ name, bars, gaps }) => (
            <div key={name} class="timeline-row" style={{ height: `${ROW}px` }}>
              <button
                type="button"
                class={`timeline-name ${name === selected ? "selected" : ""}`}
                title={name}
                onClick={() => onSelect(name)}
              >
                {name}
              </button>
              <div class="timeline-track">
                {gaps.map((gap, i) => (
                  <span
                    key={i}
                    class={`gap ${gap.kind}`}
                    title={`${GAPS[gap.kind] ?? gap.kind}: ${durationText(gap.end - gap.start)}`}
                    style={extent(gap)}
                  />
                ))}
                {bars.map((bar, i) => (
                  <span
                    key={i}
                    class={`bar ${bar.status}`}
                    role="img"
                    aria-label={barText(name, bar)}
                    title={barText(name, bar)}
                    style={extent(bar)}
                  />
                ))}
              </div>
            </div>
          ))}
        </section>
      ))}
      {leftOut > 0 && <p class="note">Without {leftOut.toLocaleString()} attempts of items.</p>}
    </div>
  );
}

const GAPS: Readonly<Record<string, string>> = {
  wait: "waited for a worker",
  retry: "waited for a retry",
  pause: "rested",
};

function barText(name: string, { status, start, end, note }: Bar): string {
  const said = note === undefined ? "" : `, ${note.replaceAll("\n", ", ")}`;
  return `${name}: ${status}, ${durationText(end - start)} from ${durationText(start)} on${said}`;
}
