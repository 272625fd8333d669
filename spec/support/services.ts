/** Services and clients for specs, on the stores of a block. */
import { afterEach } from "vitest";
import { Client, Service, type ClientOptions, type ServiceOptions } from "dagwright/service";
import type { SqlStore, StoreOptions } from "dagwright/store";
import type { OpenSubject } from "./store-subjects.js";
import { useStores } from "./stores.js";

/** A store is opened where none is given. */
type Storeless<O> = Omit<O, "store"> & { readonly store?: SqlStore };

/** Opens services and clients, each on a store of its own, like other processes. Closes them afterwards. */
export function useServices(connect: () => Promise<OpenSubject>) {
  const open: Client[] = [];
  let subject: OpenSubject;
  const stores = useStores(async () => (subject = await connect()));
  // Vitest calls it before the hook that closes the stores, which was registered earlier.
  afterEach(async () => {
    const closing = open.splice(0).map((each) => (each instanceof Service ? each.close({ grace: 0 }) : each.close()));
    await Promise.all(closing);
  });
  const keep = <T extends Client>(made: T): T => {
    open.push(made);
    return made;
  };
  return {
    ...stores,
    /** Queries over a separate connection. */
    rows: (query: string) => subject.rows(query),
    /** Blocks all writes until the returned function is called. */
    lock: () => subject.lock(),
    client: ({ store = stores.another(), ...options }: Storeless<ClientOptions> = {}) =>
      keep(new Client({ pollInterval: 50, queue: subject.queue?.(), ...options, store })),
    service: ({ store, ...options }: Storeless<ServiceOptions>, storeOptions?: StoreOptions) =>
      keep(
        new Service({
          pollInterval: 50,
          queue: subject.queue?.(),
          ...options,
          store: store ?? stores.another(storeOptions),
        }),
      ),
  };
}
