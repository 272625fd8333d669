import { elements, parseXml, withClass, type Element } from "./xml.js";

/** A rectangle around something in a picture. */
export interface Bounds {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** What a picture shows, read from its SVG. */
export function drawnIn(svg: string) {
  const root = parseXml(svg);
  const labelled = (kind: string) =>
    withClass(root, kind).map((element) => ({
      name: textsIn(element, kind === "group" ? "heading" : "name").join(" "),
      note: textsIn(element, "note").join(" "),
      tooltip: textOf(element, "title") ?? "",
      path: element.attributes["data-node"],
      classes: classesOf(element).slice(1),
      bounds: boundsOf(element),
    }));
  return {
    root,
    title: textOf(root, "title"),
    description: textOf(root, "desc"),
    boxes: labelled("box"),
    groups: labelled("group"),
    // Those of the legend have no tooltip.
    lines: withClass(root, "line").flatMap((element) => {
      const tooltip = textOf(element, "title");
      return tooltip === undefined ? [] : { tooltip, classes: classesOf(element).slice(1) };
    }),
    labels: withClass(root, "label").map(({ text }) => text),
    legend: withClass(root, "legend").map(({ text }) => text),
  };
}

export type Drawn = ReturnType<typeof drawnIn>;

/** What is drawn of a node. */
export function boxOf({ boxes, groups }: Drawn, name: string): Drawn["boxes"][number] {
  const found = [...boxes, ...groups].find(({ tooltip }) => tooltip.split("\n")[0] === name);
  if (found === undefined) throw new Error(`There is no box ${name}.`);
  return found;
}

function classesOf({ attributes }: Element): string[] {
  return (attributes.class ?? "").split(" ");
}

function textsIn(element: Element, kind: string): string[] {
  return withClass(element, kind).map(({ text }) => text);
}

function textOf({ children }: Element, name: string): string | undefined {
  return children.find((child) => child.name === name)?.text;
}

function boundsOf(element: Element): Bounds {
  const points = elements(element).flatMap(({ name, attributes: a }): [number, number][] => {
    if (name === "polygon") return a.points.split(" ").map((point) => point.split(",").map(Number) as [number, number]);
    if (name !== "rect") return [];
    const [x, y] = [Number(a.x), Number(a.y)];
    return [
      [x, y],
      [x + Number(a.width), y + Number(a.height)],
    ];
  });
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
}

export function overlap(one: Bounds, other: Bounds): boolean {
  return one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
}
