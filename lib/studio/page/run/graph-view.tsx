import { useCallback, useLayoutEffect, useRef, useState } from "preact/hooks";
import { GLYPHS } from "../../../pictures/glyphs.js";
import { Failure, Loading } from "../parts/message.js";
import { useNarrow } from "../parts/narrow.js";
import { useSignal } from "../parts/signal.js";
import { getPicture, segment, useAnswer } from "../server.js";
import { theme } from "../theme.js";
import { PanZoom } from "./pan-zoom.js";
import { useReload } from "./use-reload.js";

interface GraphViewProps {
  readonly runId: string;
  /** Differs when the picture may: it is asked for again. */
  readonly mark: string;
  /** What became of nodes since, by path. */
  readonly statuses: ReadonlyMap<string, string>;
  readonly selected: string | undefined;
  readonly onSelect: (path: string) => void;
}

const SVG = "http://www.w3.org/2000/svg";
/** The heading of a picture, which the page has itself, in pixels. */
const HEADING = 68;

/** The graph of a run. Nodes are reached by arrows, and chosen by Enter or a click. */
export function GraphView({ runId, mark, statuses, selected, onSelect }: GraphViewProps) {
  const isNarrow = useNarrow();
  const [isTurned, setTurned] = useState(false);
  const direction = isNarrow === isTurned ? "LR" : "TB";
  const path = `runs/${segment(runId)}/graph.svg?direction=${direction}`;
  const ask = useCallback((signal: AbortSignal) => getPicture(path, signal), [path]);
  const { data, error, reload } = useAnswer(path, ask);
  useReload(mark, reload);
  if (error !== undefined && data === undefined) return <Failure error={error} />;
  if (data === undefined) return <Loading />;
  return (
    <>
      {data.hint !== null && <p class="note">{data.hint}</p>}
      <Picture
        svg={data.svg}
        statuses={statuses}
        selected={selected}
        onSelect={onSelect}
        onTurn={() => setTurned(!isTurned)}
      />
    </>
  );
}

type PictureProps = Omit<GraphViewProps, "runId" | "mark"> & { readonly svg: string; readonly onTurn: () => void };

function Picture({ svg, statuses, selected, onSelect, onTurn }: PictureProps) {
  const holder = useRef<HTMLDivElement>(null);
  const chosenTheme = useSignal(theme);
  const [size, setSize] = useState<{ width: number; height: number }>();
  const select = useRef(onSelect);
  select.current = onSelect;
  useLayoutEffect(() => {
    const root = drawn(svg);
    holder.current?.replaceChildren(root);
    setSize({ width: root.width.baseVal.value, height: root.height.baseVal.value });
  }, [svg]);
  const isRecoloured = useRef(false);
  useLayoutEffect(() => {
    // Earlier events are in the picture already, or were wrong.
    if (isRecoloured.current) holder.current?.replaceChildren(drawn(svg));
    isRecoloured.current = statuses.size > 0;
    for (const [path, status] of statuses) {
      const group = nodeAt(holder.current, path);
      if (group !== null) recolour(group, status);
    }
  }, [svg, statuses]);
  useLayoutEffect(() => {
    holder.current?.firstElementChild?.setAttribute("class", `dagwright-${chosenTheme}`);
  }, [svg, statuses, chosenTheme]);
  useLayoutEffect(() => {
    const groups = Array.from(holder.current?.querySelectorAll("[data-node]") ?? []);
    for (const group of groups) {
      const isSelected = group.getAttribute("data-node") === selected;
      group.classList.toggle("selected", isSelected);
      group.setAttribute("aria-pressed", String(isSelected));
    }
    const reachable = groups.find((group) => group.getAttribute("data-node") === selected) ?? groups[0];
    for (const group of groups) group.setAttribute("tabindex", group === reachable ? "0" : "-1");
  }, [svg, statuses, selected]);
  const onClick = (event: Event) => {
    const path = (event.target as Element).closest("[data-node]")?.getAttribute("data-node");
    if (path !== null && path !== undefined) select.current(path);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const group = (event.target as Element).closest<SVGGElement>("[data-node]");
    if (group === null) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      return select.current(group.getAttribute("data-node") as string);
    }
    const next = nearest(group, event.key, holder.current);
    if (next === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    group.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  };
  return (
    <PanZoom size={size} onTurn={onTurn}>
      <div class="picture" ref={holder} onClick={onClick} onKeyDown={onKeyDown} />
    </PanZoom>
  );
}

/** The picture as elements, without its heading. Its texts are escaped, and the page runs no script but its own. */
function drawn(svg: string): SVGSVGElement {
  const { documentElement } = new DOMParser().parseFromString(svg, "image/svg+xml");
  const root = document.importNode(documentElement, true) as unknown as SVGSVGElement;
  const [, , width, height] = (root.getAttribute("viewBox") ?? "0 0 100 100").split(" ").map(Number);
  root.setAttribute("viewBox", `0 ${HEADING} ${width} ${height - HEADING}`);
  root.setAttribute("height", String(height - HEADING));
  root.setAttribute("role", "group");
  const title = root.querySelector(":scope > title")?.textContent ?? "";
  root.setAttribute("aria-label", `Graph of ${title}`);
  for (const element of root.querySelectorAll(":scope > title, :scope > desc")) element.remove();
  for (const group of root.querySelectorAll("[data-node]")) {
    group.setAttribute("role", "button");
  }
  return root;
}

function nodeAt(holder: Element | null, path: string): Element | null {
  return holder?.querySelector(`[data-node="${CSS.escape(path)}"]`) ?? null;
}

/** Shows another status until the picture is drawn anew. */
function recolour(group: Element, status: string): void {
  for (const name of Object.keys(GLYPHS)) group.classList.toggle(name, name === status);
  const sign = group.querySelector(":scope > g[transform]");
  const glyph = (GLYPHS as Readonly<Record<string, string>>)[status];
  if (sign === null || glyph === undefined) return;
  const circle = document.createElementNS(SVG, "circle");
  circle.setAttribute("class", glyph === "" ? "hollow" : "sign");
  circle.setAttribute("r", glyph === "" ? "6" : "7");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("class", "glyph");
  path.setAttribute("d", glyph);
  sign.replaceChildren(circle, ...(glyph === "" ? [] : [path]));
}

const WAYS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowRight: [1, 0],
  ArrowLeft: [-1, 0],
  ArrowDown: [0, 1],
  ArrowUp: [0, -1],
};

/** The nearest node that way: what lies aside counts double. */
function nearest(from: SVGGElement, key: string, holder: Element | null): SVGGElement | undefined {
  const way = WAYS[key];
  if (way === undefined) return undefined;
  const centre = (element: Element) => {
    const { left, top, width, height } = element.getBoundingClientRect();
    return [left + width / 2, top + height / 2];
  };
  const [x, y] = centre(from);
  let best: { element: SVGGElement; distance: number } | undefined;
  for (const element of holder?.querySelectorAll<SVGGElement>("[data-node]") ?? []) {
    const [ox, oy] = centre(element);
    const along = (ox - x) * way[0] + (oy - y) * way[1];
    const aside = Math.abs((ox - x) * way[1]) + Math.abs((oy - y) * way[0]);
    if (along < 1) continue;
    const distance = along + 2 * aside;
    if (best === undefined || distance < best.distance) best = { element, distance };
  }
  return best?.element;
}
