import { useEffect, useState } from "preact/hooks";

/** Where the page is: what follows `#/`, so that it works wherever the studio is mounted. */
export interface Place {
  /** Decoded. */
  readonly parts: readonly string[];
  readonly query: URLSearchParams;
}

export function currentPlace(): Place {
  const [path, query = ""] = location.hash.replace(/^#\/?/u, "").split(/\?(.*)/su);
  return { parts: path.split("/").map(decoded), query: new URLSearchParams(query) };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The address of a place within the page. Parts are encoded, and empty values left out. */
export function href(parts: readonly string[], query: Readonly<Record<string, string | undefined>> = {}): string {
  const given = Object.entries(query).filter(
    (pair): pair is [string, string] => pair[1] !== undefined && pair[1] !== "",
  );
  const search = given.length === 0 ? "" : `?${new URLSearchParams(given).toString()}`;
  return `#/${parts.map(encodeURIComponent).join("/")}${search}`;
}

export function go(parts: readonly string[], query?: Readonly<Record<string, string | undefined>>): void {
  location.hash = href(parts, query);
}

/** Changes the query without a step in the history. */
export function adjust(parts: readonly string[], query: Readonly<Record<string, string | undefined>>): void {
  history.replaceState(null, "", href(parts, query));
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

export function usePlace(): Place {
  const [place, setPlace] = useState(currentPlace);
  useEffect(() => {
    const onChange = () => setPlace(currentPlace());
    window.addEventListener("hashchange", onChange);
    return () => window.removeEventListener("hashchange", onChange);
  }, []);
  return place;
}
