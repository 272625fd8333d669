import pg from "pg";
import { vi } from "vitest";

/** What a client of Postgres is asked. */
export interface Query {
  readonly text: string;
  readonly values: readonly unknown[];
  /** Asks the server. */
  readonly ask: () => Promise<any>;
}

/** From now on, until mocks are restored, whoever asks a client of Postgres for something gets what `answer` gives. */
export function answerQueries(answer: (query: Query) => Promise<any>): void {
  const query: any = Reflect.get(pg.Client.prototype, "query");
  vi.spyOn(pg.Client.prototype, "query").mockImplementation(function (this: pg.Client, ...given: any[]) {
    const [text, values] = given as [string | { readonly text: string }, unknown];
    return answer({
      text: typeof text === "string" ? text : text.text,
      values: Array.isArray(values) ? values : [],
      ask: () => query.apply(this, given),
    });
  } as any);
}
