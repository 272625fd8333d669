import { useCallback, useEffect, useRef, useState } from "preact/hooks";

/** What the server refused, with its reason. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** @throws {Refused} */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return read<T>(await fetch(`api/${path}`, signal === undefined ? {} : { signal }));
}

/** @throws {Refused} */
export async function post<T>(path: string, body: object): Promise<T> {
  const headers = { "Content-Type": "application/json" };
  return read<T>(await fetch(`api/${path}`, { method: "POST", headers, body: JSON.stringify(body) }));
}

/** A picture, and what the server says about it. @throws {Refused} */
export async function getPicture(path: string, signal: AbortSignal): Promise<{ svg: string; hint: string | null }> {
  const reply = await fetch(`api/${path}`, { signal });
  if (!reply.ok) return read(reply);
  return { svg: await reply.text(), hint: reply.headers.get("X-Studio-Hint") };
}

async function read<T>(reply: Response): Promise<T> {
  const data = (await reply.json()) as T & { error?: { code: string; message: string } };
  if (reply.ok) return data;
  throw new Refused(reply.status, data.error?.code ?? "INTERNAL", data.error?.message ?? reply.statusText);
}

export function segment(text: string): string {
  return encodeURIComponent(text);
}

/** What was asked for: while it is asked again, the last answer. */
export interface Loaded<T> {
  readonly data: T | undefined;
  readonly error: Error | undefined;
  readonly isLoading: boolean;
  /** Asks again; the calls of a moment are one, and none is lost. */
  readonly reload: () => void;
}

/** Asks the server for data, again whenever the path is another one. @param path - undefined for nothing */
export function useData<T>(path: string | undefined): Loaded<T> {
  const ask = useCallback((signal: AbortSignal) => get<T>(path as string, signal), [path]);
  return useAnswer(path, ask);
}

/** The same for anything that is asked for. @param key - undefined for nothing */
export function useAnswer<T>(key: string | undefined, ask: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ key?: string; data?: T; error?: Error }>({});
  const [isLoading, setLoading] = useState(false);
  const again = useRef({ isBusy: false, isWanted: false, go: () => {} });
  useEffect(() => {
    if (key === undefined) return;
    const controller = new AbortController();
    const mine = { isBusy: false, isWanted: false, go: () => {} };
    mine.go = () => {
      if (mine.isBusy) return void (mine.isWanted = true);
      mine.isBusy = true;
      mine.isWanted = false;
      setLoading(true);
      ask(controller.signal)
        .then(
          (data) => controller.signal.aborted || setState({ key, data }),
          (error: Error) => controller.signal.aborted || setState((before) => ({ ...before, key, error })),
        )
        .finally(() => {
          mine.isBusy = false;
          if (controller.signal.aborted) return;
          setLoading(false);
          if (mine.isWanted) mine.go();
        });
    };
    again.current = mine;
    mine.go();
    return () => controller.abort();
  }, [key, ask]);
  const reload = useCallback(() => again.current.go(), []);
  const isCurrent = state.key === key;
  return {
    data: isCurrent ? state.data : undefined,
    error: isCurrent ? state.error : undefined,
    isLoading: isLoading || !isCurrent,
    reload,
  };
}

/** After how long a stream that was refused is asked for again, in ms. */
const RETRY = 10_000;

/**
 * Listens to a stream of the server while the page is seen: browsers have few connections. It comes back where it left.
 * @param path - undefined for none
 * @param state - when it is another one, a stream that has ended begins again
 */
export function useStream(path: string | undefined, listen: (event: string, data: any) => void, state?: string): void {
  const listener = useRef(listen);
  listener.current = listen;
  useEffect(() => {
    if (path === undefined) return;
    let source: EventSource | undefined;
    let last = "";
    let retry: ReturnType<typeof setTimeout> | undefined;
    const open = () => {
      if (source !== undefined || document.hidden) return;
      const after = last === "" ? "" : `${path.includes("?") ? "&" : "?"}after=${segment(last)}`;
      source = new EventSource(`api/${path}${after}`);
      // Broken connections come back by themselves.
      source.addEventListener("error", () => {
        if (source?.readyState !== EventSource.CLOSED) return;
        close();
        retry = setTimeout(open, RETRY);
      });
      for (const type of ["run", "runs", "end"]) {
        source.addEventListener(type, (message) => {
          if (message.lastEventId !== "") last = message.lastEventId;
          if (type === "end") close();
          listener.current(type, JSON.parse(message.data as string));
        });
      }
    };
    const close = () => {
      clearTimeout(retry);
      source?.close();
      source = undefined;
    };
    const onVisible = () => (document.hidden ? close() : open());
    open();
    document.addEventListener("visibilitychange", onVisible);
    return () => {
      document.removeEventListener("visibilitychange", onVisible);
      close();
    };
  }, [path, state]);
}

/** Calls something every so often while the page is seen. @param ms - undefined for never */
export function useRepeat(ms: number | undefined, work: () => void): void {
  const latest = useRef(work);
  latest.current = work;
  useEffect(() => {
    if (ms === undefined) return;
    const timer = setInterval(() => document.hidden || latest.current(), ms);
    return () => clearInterval(timer);
  }, [ms]);
}
