import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

/** Rows above and below what is seen, so that scrolling meets no gaps. */
const AROUND = 12;

interface VirtualListProps<T> {
  readonly items: readonly T[];
  readonly keyOf: (item: T) => string;
  readonly label: string;
  /** In pixels. */
  readonly rowHeight: number;
  readonly row: (item: T) => ComponentChildren;
  /** Called with the first and the last row that are seen. */
  readonly onSeen: (first: number, last: number) => void;
}

/**
 * A long list, of which only what is seen is in the page. Arrows, Page Up, Page Down, Home and End move between the
 * links of its rows.
 */
export function VirtualList<T>({ items, keyOf, label, rowHeight, row, onSeen }: VirtualListProps<T>) {
  const frame = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const wanted = useRef<number | undefined>(undefined);
  useLayoutEffect(() => {
    const element = frame.current as HTMLDivElement;
    const measure = () => setView({ top: element.scrollTop, height: element.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener("scroll", measure, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", measure);
    };
  }, []);
  const first = Math.max(0, Math.floor(view.top / rowHeight) - AROUND);
  const last = Math.min(items.length, Math.ceil((view.top + view.height) / rowHeight) + AROUND);
  useEffect(() => onSeen(first, last), [first, last, items.length]);
  useLayoutEffect(() => {
    const link = wanted.current === undefined ? null : linkAt(frame.current, wanted.current);
    if (link === null) return;
    wanted.current = undefined;
    link.focus({ preventScroll: true });
  });
  const onKeyDown = (event: KeyboardEvent) => {
    const current = (event.target as Element).closest("[data-row]")?.getAttribute("data-row");
    if (current === null || current === undefined) return;
    const page = Math.max(1, Math.floor(view.height / rowHeight) - 1);
    const steps: Record<string, number> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -Infinity,
      End: Infinity,
    };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = Math.min(items.length - 1, Math.max(0, Number(current) + step));
    const element = frame.current as HTMLDivElement;
    const [top, bottom] = [next * rowHeight, (next + 1) * rowHeight];
    if (top < element.scrollTop) element.scrollTop = top;
    if (bottom > element.scrollTop + element.clientHeight) element.scrollTop = bottom - element.clientHeight;
    const link = linkAt(element, next);
    if (link === null) wanted.current = next;
    else link.focus({ preventScroll: true });
  };
  return (
    <div class="virtual" ref={frame} role="table" aria-label={label} aria-rowcount={items.length} onKeyDown={onKeyDown}>
      <div class="virtual-space" role="rowgroup" style={{ height: `${items.length * rowHeight}px` }}>
        {items.slice(first, last).map((item, i) => (
          <div
            key={keyOf(item)}
            class="virtual-row"
            role="row"
            aria-rowindex={first + i + 1}
            data-row={first + i}
            style={{ transform: `translateY(${(first + i) * rowHeight}px)`, height: `${rowHeight}px` }}
          >
            {row(item)}
          </div>
        ))}
      </div>
    </div>
  );
}

function linkAt(frame: Element | null, row: number): HTMLElement | null {
  return frame?.querySelector<HTMLElement>(`[data-row="${row}"] a`) ?? null;
}
