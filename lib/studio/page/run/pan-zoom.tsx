import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

interface View {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

const LEAST = 0.05;
const MOST = 4;
const STEP = 1.25;
const MARGIN = 16;
/** Pixels that an arrow key moves. */
const MOVE = 60;

interface PanZoomProps {
  /** Of what is shown, in pixels; undefined while it is not known. */
  readonly size: { readonly width: number; readonly height: number } | undefined;
  /** Asked to lie the other way. */
  readonly onTurn: () => void;
  readonly children: ComponentChildren;
}

/**
 * Shows something large: dragged by mouse or finger, zoomed by wheel, two fingers, buttons or `+`, `-` and `0`. While it
 * moves, the browser moves what it has painted, and paints nothing anew.
 */
export function PanZoom({ size, onTurn, children }: PanZoomProps) {
  const frame = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const view = useRef<View>({ x: 0, y: 0, scale: 1 });
  const fingers = useRef(new Map<number, { x: number; y: number }>());
  const rest = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);

  const show = (next: View) => {
    const element = content.current;
    if (element === null) return;
    view.current = next;
    element.style.willChange = "transform";
    element.style.transform = `translate(${next.x}px, ${next.y}px) scale(${next.scale})`;
    clearTimeout(rest.current);
    // Painted anew once it rests, and so sharp.
    rest.current = setTimeout(() => (element.style.willChange = "auto"), 200);
  };
  const zoom = (factor: number, at?: { x: number; y: number }) => {
    const { width, height } = (frame.current as HTMLDivElement).getBoundingClientRect();
    const { x, y } = at ?? { x: width / 2, y: height / 2 };
    const { x: left, y: top, scale } = view.current;
    const next = Math.min(MOST, Math.max(LEAST, scale * factor));
    const ratio = next / scale;
    show({ x: x - (x - left) * ratio, y: y - (y - top) * ratio, scale: next });
  };
  const fit = () => {
    const element = frame.current;
    if (element === null || size === undefined) return;
    const room = { width: element.clientWidth - 2 * MARGIN, height: element.clientHeight - 2 * MARGIN };
    // What would be too small to be read is shown from its beginning.
    const scale = Math.min(1, Math.max(0.3, Math.min(room.width / size.width, room.height / size.height)));
    const x = Math.max(MARGIN, (element.clientWidth - size.width * scale) / 2);
    const y = Math.max(MARGIN, (element.clientHeight - size.height * scale) / 2);
    show({ x: Math.min(x, element.clientWidth), y, scale });
  };
  useLayoutEffect(fit, [size?.width, size?.height]);
  useEffect(() => () => clearTimeout(rest.current), []);

  const placeOf = (event: { clientX: number; clientY: number }) => {
    const { left, top } = (frame.current as HTMLDivElement).getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  useEffect(() => {
    const element = frame.current as HTMLDivElement;
    const onWheel = (event: WheelEvent) => {
      event.preventDefault();
      if (event.ctrlKey || !event.shiftKey) return zoom(Math.exp(-event.deltaY / 300), placeOf(event));
      const { x, y, scale } = view.current;
      show({ x: x - event.deltaY, y, scale });
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  }, []);
  const onPointerDown = (event: PointerEvent) => {
    if (event.button === 0) fingers.current.set(event.pointerId, placeOf(event));
  };
  const onPointerMove = (event: PointerEvent) => {
    const all = fingers.current;
    const before = all.get(event.pointerId);
    if (before === undefined) return;
    const now = placeOf(event);
    const [other] = Array.from(all).flatMap(([id, place]) => (id === event.pointerId ? [] : [place]));
    if (other === undefined) {
      if (!frame.current?.hasPointerCapture(event.pointerId)) {
        if (Math.hypot(now.x - before.x, now.y - before.y) < 4) return;
        frame.current?.setPointerCapture(event.pointerId);
      }
      const { x, y, scale } = view.current;
      show({ x: x + now.x - before.x, y: y + now.y - before.y, scale });
    } else {
      const distance = (place: { x: number; y: number }) => Math.hypot(place.x - other.x, place.y - other.y) || 1;
      zoom(distance(now) / distance(before), other);
    }
    all.set(event.pointerId, now);
  };
  const onPointerUp = (event: PointerEvent) => void fingers.current.delete(event.pointerId);
  const onKeyDown = (event: KeyboardEvent) => {
    const { x, y, scale } = view.current;
    const keys: Record<string, () => void> = {
      "+": () => zoom(STEP),
      "=": () => zoom(STEP),
      "-": () => zoom(1 / STEP),
      "0": fit,
      ArrowLeft: () => show({ x: x + MOVE, y, scale }),
      ArrowRight: () => show({ x: x - MOVE, y, scale }),
      ArrowUp: () => show({ x, y: y + MOVE, scale }),
      ArrowDown: () => show({ x, y: y - MOVE, scale }),
    };
    if (!Object.hasOwn(keys, event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  };
  return (
    <div class="pan-zoom">
      <div
        class="pan-frame"
        ref={frame}
        tabIndex={0}
        role="group"
        aria-label="Picture: arrows move it, plus and minus zoom, 0 fits it"
        onPointerDown={onPointerDown}
        onPointerMove={onPointerMove}
        onPointerUp={onPointerUp}
        onPointerCancel={onPointerUp}
        onKeyDown={onKeyDown}
      >
        <div class="pan-content" ref={content}>
          {children}
        </div>
      </div>
      <div class="pan-buttons" role="group" aria-label="Zoom">
        <button type="button" aria-label="Zoom in" onClick={() => zoom(STEP)}>
          +
        </button>
        <button type="button" aria-label="Zoom out" onClick={() => zoom(1 / STEP)}>
          −
        </button>
        <button type="button" onClick={fit}>
          Fit
        </button>
        <button type="button" onClick={onTurn}>
          Turn
        </button>
      </div>
    </div>
  );
}
