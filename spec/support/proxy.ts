import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A way to a server that can be made slow, cut, or silent, and counts what goes through it. */
export interface Proxy {
  readonly port: number;
  /** How often a client has spoken after the server had. */
  roundTrips(): number;
  /** From now on nothing goes through connections that exist, which nobody is told. */
  silence(): void;
  /** Ends all connections. */
  cut(): void;
  close(): Promise<void>;
}

export async function startProxy(port: number): Promise<Proxy> {
  let connections: { readonly client: Socket; readonly server: Socket; isSilent: boolean }[] = [];
  let trips = 0;
  const proxy = createServer((client) => {
    const server = connect(port, "127.0.0.1");
    const connection = { client, server, isSilent: false };
    connections.push(connection);
    let isServersTurn = false;
    client.on("data", (data) => {
      if (!isServersTurn) trips++;
      isServersTurn = true;
      if (!connection.isSilent) server.write(data);
    });
    server.on("data", (data) => {
      isServersTurn = false;
      if (!connection.isSilent) client.write(data);
    });
    client.on("error", () => {});
    server.on("error", () => {});
    client.on("close", () => server.destroy());
    server.on("close", () => connection.isSilent || client.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return {
    port: (proxy.address() as AddressInfo).port,
    roundTrips: () => trips,
    silence: () => connections.forEach((connection) => (connection.isSilent = true)),
    cut: () => connections.forEach(({ client }) => client.destroy()),
    close: async () => {
      for (const { client, server } of connections) {
        client.destroy();
        server.destroy();
      }
      connections = [];
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
