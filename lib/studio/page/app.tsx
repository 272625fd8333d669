import { useEffect, useRef } from "preact/hooks";
import { StartPage } from "./acts/start-page.js";
import type { StudioFacts } from "./data.js";
import { announcement } from "./parts/announcer.js";
import { Empty, Failure, Loading } from "./parts/message.js";
import { useSignal } from "./parts/signal.js";
import { href, usePlace, type Place } from "./router.js";
import { RunPage } from "./run/run-page.js";
import { RunsPage } from "./runs/runs-page.js";
import { useData } from "./server.js";
import { setTheme, theme, type Theme } from "./theme.js";
import { ComparePage } from "./views/compare-page.js";
import { LettersPage } from "./views/letters-page.js";
import { SchedulesPage } from "./views/schedules-page.js";
import { ServicesPage } from "./views/services-page.js";
import { WorkflowsPage } from "./views/workflows-page.js";

const NAVIGATION: readonly (readonly [path: string, words: string])[] = [
  ["runs", "Runs"],
  ["workflows", "Workflows"],
  ["schedules", "Schedules"],
  ["services", "Services"],
  ["dead-letters", "Dead letters"],
  ["compare", "Compare"],
];

/** The whole page. */
export function App() {
  const place = usePlace();
  const main = useRef<HTMLElement>(null);
  const { data: studio, error } = useData<StudioFacts>("studio");
  const [first = ""] = place.parts;
  const current = first === "" ? "runs" : first;
  const address = place.parts.join("/");
  const isFirst = useRef(true);
  useEffect(() => {
    document.title = `${titleOf(current, place)} – dagwright studio`;
    // Screen readers go on from the new page, as after a load.
    if (!isFirst.current) main.current?.focus({ preventScroll: true });
    isFirst.current = false;
    scrollTo(0, 0);
  }, [address]);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>
        Skip to content
      </a>
      <header class="bar">
        <a class="brand" href="#/runs">
          <img src="icon.svg" alt="" width="24" height="24" /> dagwright <span>studio</span>
        </a>
        <nav aria-label="Studio">
          {NAVIGATION.map(([path, words]) => (
            <a key={path} href={href([path])} aria-current={current === path ? "page" : undefined}>
              {words}
            </a>
          ))}
        </nav>
        {studio?.isReadOnly === true && <span class="tag">read-only</span>}
        <ThemeChoice />
      </header>
      <main id="main" ref={main} tabIndex={-1}>
        {error !== undefined ? (
          <Failure error={error} />
        ) : studio === undefined ? (
          <Loading />
        ) : (
          <View key={address} current={current} place={place} studio={studio} />
        )}
      </main>
      <Announcer />
    </>
  );
}

interface ViewProps {
  readonly current: string;
  readonly place: Place;
  readonly studio: StudioFacts;
}

function View({ current, place, studio }: ViewProps) {
  switch (current) {
    case "runs":
      return place.parts.length > 1 ? (
        <RunPage place={place} studio={studio} />
      ) : (
        <RunsPage place={place} canStart={!studio.isReadOnly} />
      );
    case "start":
      return studio.isReadOnly ? (
        <Empty title="This studio only shows." />
      ) : (
        <StartPage place={place} studio={studio} />
      );
    case "workflows":
      return <WorkflowsPage studio={studio} />;
    case "schedules":
      return <SchedulesPage studio={studio} />;
    case "services":
      return <ServicesPage />;
    case "dead-letters":
      return <LettersPage studio={studio} />;
    case "compare":
      return <ComparePage place={place} />;
    default:
      return (
        <Empty title="There is no such page.">
          <a href="#/runs">All runs</a>
        </Empty>
      );
  }
}

function titleOf(current: string, { parts }: Place): string {
  if (current === "runs" && parts.length > 1) return parts[1];
  return NAVIGATION.find(([path]) => path === current)?.[1] ?? "Start a run";
}

function ThemeChoice() {
  const chosen = useSignal(theme);
  return (
    <label class="theme">
      <span class="unseen">Theme</span>
      <select value={chosen} onChange={(event) => setTheme(event.currentTarget.value as Theme)}>
        <option value="auto">System</option>
        <option value="light">Light</option>
        <option value="dark">Dark</option>
      </select>
    </label>
  );
}

function Announcer() {
  const text = useSignal(announcement);
  return (
    <p class={`toast ${text === "" ? "" : "seen"}`} role="status" onAnimationEnd={() => announcement.set("")}>
      {text}
    </p>
  );
}
