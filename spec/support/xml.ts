/** An element of an XML document. */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly Element[];
  /** Its own text, and that of its children. */
  readonly text: string;
}

const TOKEN = /<(\/?)([A-Za-z][\w-]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>|([^<]+)/uy;
// eslint-disable-next-line no-control-regex
const ILLEGAL = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Surrogate}/u;
const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  "#39": "'",
  "#9": "\t",
  "#10": "\n",
  "#13": "\r",
};

/** Parses a document of elements, attributes and text. @throws {Error} for what is not well-formed XML, or is more than that */
export function parseXml(source: string): Element {
  if (ILLEGAL.test(source)) throw new Error("A character that XML can't hold.");
  type Open = Element & { children: Element[]; text: string };
  const root: Open = { name: "", attributes: {}, children: [], text: "" };
  const open = [root];
  let end = 0;
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(source); match !== null; match = TOKEN.exec(source)) {
    end = TOKEN.lastIndex;
    const [, closing, name, attributes, single, text] = match;
    const top = open[open.length - 1];
    if (text !== undefined) {
      if (text.includes("]]>")) throw new Error("The end of a CDATA section in a text.");
      top.text += decode(text);
    } else if (closing === "/") {
      if (top.name !== name) throw new Error(`</${name}> closes <${top.name}>.`);
      open.pop();
      open[open.length - 1].text += top.text;
    } else {
      const list = Array.from(attributes.matchAll(/([\w:-]+)="([^"]*)"/gu), ([, key, value]) => [key, decode(value)]);
      const element: Open = {
        name,
        attributes: Object.fromEntries(list) as Record<string, string>,
        children: [],
        text: "",
      };
      top.children.push(element);
      if (single === "") open.push(element);
    }
  }
  if (end !== source.length) throw new Error(`Not XML: ${source.slice(end, end + 60)}`);
  if (open.length > 1 || root.children.length !== 1) throw new Error("Not one element.");
  return root.children[0];
}

function decode(text: string): string {
  return text.replace(/&([^;]*);?/gu, (whole, name: string) => {
    if (!whole.endsWith(";") || !Object.hasOwn(ENTITIES, name)) throw new Error(`Not an entity: ${whole}`);
    return ENTITIES[name];
  });
}

/** The elements with a class, in order. */
export function withClass(root: Element, name: string): Element[] {
  return elements(root).filter(({ attributes }) => (attributes.class ?? "").split(" ").includes(name));
}

/** All elements, in order. */
export function elements(root: Element): Element[] {
  return [root, ...root.children.flatMap(elements)];
}
