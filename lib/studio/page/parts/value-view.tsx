import { useState } from "preact/hooks";
import { counted } from "../../../pictures/text.js";
import type { Value, Values } from "../data.js";

/** How many entries are shown at once. */
const MOST = 100;
/** A text is folded after this many characters. */
const LONG = 400;

/** A value as a tree, all of it as text. */
export function ValueView({ value }: { readonly value: Value | undefined }) {
  if (value === undefined) return <span class="absent">nothing</span>;
  if ("value" in value) return <Tree value={value.value} depth={0} />;
  return (
    <div>
      <p class="note">The beginning of {value.length.toLocaleString()} characters of JSON:</p>
      <pre class="text" tabIndex={0}>
        {value.text}…
      </pre>
    </div>
  );
}

export function ValuesView({ values, none }: { readonly values: Values | undefined; readonly none: string }) {
  const entries = Object.entries(values ?? {});
  if (entries.length === 0) return <p class="note">{none}</p>;
  return (
    <dl class="values">
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt>{name === "" ? "value" : name}</dt>
          <dd>
            <ValueView value={value} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Tree({ value, depth }: { readonly value: unknown; readonly depth: number }) {
  if (typeof value === "string") return <Text text={value} />;
  if (typeof value !== "object" || value === null) return <span class="atom">{String(value)}</span>;
  const entries: readonly (readonly [string, unknown])[] = Array.isArray(value)
    ? value.map((item, i) => [String(i), item as unknown])
    : Object.entries(value);
  if (entries.length === 0) return <span class="atom">{Array.isArray(value) ? "[]" : "{}"}</span>;
  return <Branch entries={entries} isList={Array.isArray(value)} depth={depth} />;
}

interface BranchProps {
  readonly entries: readonly (readonly [string, unknown])[];
  readonly isList: boolean;
  readonly depth: number;
}

function Branch({ entries, isList, depth }: BranchProps) {
  const [isOpen, setOpen] = useState(depth < 2 && entries.length <= 20);
  const [shown, setShown] = useState(MOST);
  const summary = isList ? counted(entries.length, "item") : counted(entries.length, "property").replace("ys", "ies");
  return (
    <details class="branch" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{summary}</summary>
      {isOpen && (
        <ul>
          {entries.slice(0, shown).map(([name, each]) => (
            <li key={name}>
              <span class="key">{name}</span> <Tree value={each} depth={depth + 1} />
            </li>
          ))}
          {entries.length > shown && (
            <li>
              <button type="button" class="quiet" onClick={() => setShown(shown + MOST)}>
                Show more ({entries.length - shown})
              </button>
            </li>
          )}
        </ul>
      )}
    </details>
  );
}

function Text({ text }: { readonly text: string }) {
  const [isOpen, setOpen] = useState(false);
  if (text.length <= LONG || isOpen) return <span class="string">{text === "" ? '""' : text}</span>;
  return (
    <span class="string">
      {text.slice(0, LONG)}…{" "}
      <button type="button" class="quiet" onClick={() => setOpen(true)}>
        {text.length.toLocaleString()} characters
      </button>
    </span>
  );
}
