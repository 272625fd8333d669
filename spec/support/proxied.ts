import { afterEach, beforeEach, vi } from "vitest";
import { postgresStore, type SqlStore, type StoreOptions } from "dagwright/store";
import type { PostgresServer } from "./postgres.js";
import { startProxy, type Proxy } from "./proxy.js";

/** A {@link Proxy} to a database, and stores that connect through it. */
export interface ProxiedStores extends Omit<Proxy, "port" | "isolate" | "rejoin"> {
  /** @param settings - connection parameters, as in the address */
  readonly open: (options?: StoreOptions, settings?: Readonly<Record<string, string>>) => Promise<SqlStore>;
}

/** Starts a proxy to an empty database for each spec of a block. */
export function useProxy(server: PostgresServer): ProxiedStores {
  const { url } = server;
  let proxy: Proxy;
  const stores: SqlStore[] = [];
  beforeEach(async () => {
    await server.empty();
    proxy = await startProxy(Number(new URL(url).port || 5432));
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await proxy.close();
  });
  return {
    open: async (options, settings = {}) => {
      const through = new URL(url);
      through.host = `127.0.0.1:${proxy.port}`;
      for (const [name, value] of Object.entries(settings)) through.searchParams.set(name, value);
      const store = postgresStore(through.href, options);
      stores.push(store);
      await store.listRuns();
      return store;
    },
    roundTrips: () => proxy.roundTrips(),
    silence: () => proxy.silence(),
    holdBack: () => proxy.holdBack(),
    cut: () => proxy.cut(),
    close: () => proxy.close(),
  };
}
