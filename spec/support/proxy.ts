import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A way to a server that can be made silent, or cut, and counts what goes through it. */
export interface Proxy {
  readonly port: number;
  /** How often a client has spoken after the server had. */
  roundTrips(): number;
  /** From now on nothing goes through connections that exist, which nobody is told. */
  silence(): void;
  /** From now on what the server says by itself comes when the client has asked for something. */
  holdBack(): void;
  /** Ends all connections. */
  cut(): void;
  close(): Promise<void>;
}

interface Connection {
  readonly client: Socket;
  readonly server: Socket;
  isSilent: boolean;
}

export async function startProxy(port: number): Promise<Proxy> {
  let connections: Connection[] = [];
  let holdsBack = false;
  let trips = 0;
  const proxy = createServer((client) => {
    const server = connect(port, "127.0.0.1");
    const connection: Connection = { client, server, isSilent: false };
    connections.push(connection);
    let isServersTurn = false;
    let hasAsked = true;
    const held: (() => void)[] = [];
    /** @param tell - tells the client something of the server */
    const pass = (tell: () => void) => {
      if (connection.isSilent) return;
      if (holdsBack && !hasAsked) held.push(tell);
      else tell();
    };
    client.on("data", (data) => {
      if (!isServersTurn) trips++;
      isServersTurn = true;
      if (connection.isSilent) return;
      hasAsked = true;
      for (const tell of held.splice(0)) tell();
      server.write(data);
    });
    server.on("data", (data) => {
      isServersTurn = false;
      pass(() => client.write(data));
      // At the end of every answer the server says that it is ready: "Z", the length 5, and how.
      if (data.length >= 6 && data.readUInt8(data.length - 6) === 0x5a) hasAsked = false;
    });
    client.on("error", () => {});
    server.on("error", () => {});
    client.on("close", () => server.destroy());
    server.on("close", () => pass(() => client.end()));
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return {
    port: (proxy.address() as AddressInfo).port,
    roundTrips: () => trips,
    silence: () => connections.forEach((connection) => (connection.isSilent = true)),
    holdBack: () => (holdsBack = true),
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
