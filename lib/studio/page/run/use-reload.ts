import { useEffect, useRef } from "preact/hooks";

/** Asks again whenever the mark is another one, but not at first. */
export function useReload(mark: string, reload: () => void): void {
  const last = useRef(mark);
  useEffect(() => {
    if (last.current === mark) return;
    last.current = mark;
    reload();
  }, [mark, reload]);
}
