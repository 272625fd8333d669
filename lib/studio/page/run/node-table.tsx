import { useState } from "preact/hooks";
import { ownValue } from "../../../base/objects.js";
import type { NamedNode, Run } from "../data.js";
import { durationText } from "../format.js";
import { Status } from "../parts/status.js";
import { Time } from "../parts/time.js";

interface NodeTableProps {
  readonly run: Run;
  /** What became of nodes since the run was read. */
  readonly statuses: ReadonlyMap<string, string>;
  readonly selected: string | undefined;
  readonly onSelect: (node: string) => void;
}

type Column = "order" | "duration" | "attempts" | "status";

const PAGE = 200;
const ORDERS: Readonly<Record<Column, (a: NamedNode, b: NamedNode) => number>> = {
  order: () => 0,
  duration: (a, b) => (b.duration ?? -1) - (a.duration ?? -1),
  attempts: (a, b) => b.attempts - a.attempts,
  status: (a, b) => a.status.localeCompare(b.status),
};
const HEADINGS: readonly (readonly [Column, string])[] = [
  ["order", "Node"],
  ["status", "Status"],
  ["duration", "Took"],
  ["attempts", "Attempts"],
];

/** The nodes or states of a run, as a table. */
export function NodeTable({ run, statuses, selected, onSelect }: NodeTableProps) {
  const [order, setOrder] = useState<Column>("order");
  const [shown, setShown] = useState(PAGE);
  const [text, setText] = useState("");
  const word = text.toLowerCase();
  const nodes = run.nodes.filter(({ name, status }) => name.toLowerCase().includes(word) || status.includes(word));
  const sorted = order === "order" ? nodes : [...nodes].sort(ORDERS[order]);
  return (
    <div>
      {run.nodes.length > 10 && (
        <label class="find">
          <span>Find nodes</span>
          <input type="search" value={text} onInput={(event) => setText(event.currentTarget.value)} />
        </label>
      )}
      <table class="data">
        <thead>
          <tr>
            {HEADINGS.map(([column, words]) => (
              <th
                key={column}
                scope="col"
                class={column === "attempts" ? "wide-only" : ""}
                aria-sort={order === column && column !== "order" ? "descending" : "none"}
              >
                <button type="button" class="sort" onClick={() => setOrder(column)}>
                  {column === "order" && run.kind === "fsm" ? "State" : words}
                  {order === column && column !== "order" ? " ↓" : ""}
                </button>
              </th>
            ))}
            <th scope="col" class="wide-only">
              Started
            </th>
          </tr>
        </thead>
        <tbody>
          {sorted.slice(0, shown).map((node) => (
            <tr key={node.name} class={node.name === selected ? "selected" : ""}>
              <th scope="row">
                <button type="button" class="link" onClick={() => onSelect(node.name)}>
                  {node.name}
                </button>
                <NodeNote node={node} visits={ownValue(run.visits, node.name)} />
              </th>
              <td>
                <Status status={statuses.get(node.name) ?? node.status} />
              </td>
              <td class="number">{node.duration === undefined ? "" : durationText(node.duration)}</td>
              <td class="number wide-only">{node.attempts === 0 ? "" : node.attempts}</td>
              <td class="wide-only">
                <Time at={node.startedAt} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {sorted.length > shown && (
        <button type="button" onClick={() => setShown(shown + PAGE)}>
          Show more ({(sorted.length - shown).toLocaleString()})
        </button>
      )}
    </div>
  );
}

function NodeNote({ node, visits }: { readonly node: NamedNode; readonly visits: number | undefined }) {
  const { error, reason, items, branch, cached, waitingFor } = node;
  const parts = [
    ...(visits === undefined ? [] : [`${visits}×`]),
    ...(items === undefined ? [] : [`${items.completed ?? 0} of ${items.total ?? 0} items`]),
    ...(branch === undefined ? [] : [`→ ${branch}`]),
    ...(cached ? ["cached"] : []),
    ...(waitingFor !== undefined && "event" in waitingFor ? [`waits for ${waitingFor.event}`] : []),
    ...(error === undefined ? (reason === undefined ? [] : [reason]) : [error.message]),
  ];
  return parts.length === 0 ? null : <span class="node-note">{parts.join(" · ").slice(0, 300)}</span>;
}
