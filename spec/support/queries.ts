import pg from "pg";
import { vi } from "vitest";

/** A query passed to a Postgres client. */
export interface Query {
  readonly text: string;
  readonly values: readonly unknown[];
  /** Executes the query. */
  readonly send: () => Promise<any>;
}

/** Makes all Postgres clients return what `answer` returns, until mocks are restored. */
export function interceptQueries(answer: (query: Query) => Promise<any>): void {
  const query: any = Reflect.get(pg.Client.prototype, "query");
  vi.spyOn(pg.Client.prototype, "query").mockImplementation(function (this: pg.Client, ...given: any[]) {
    const [text, values] = given as [string | { readonly text: string }, unknown];
    return answer({
      text: typeof text === "string" ? text : text.text,
      values: Array.isArray(values) ? values : [],
      send: () => query.apply(this, given),
    });
  } as any);
}
