import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A TCP proxy that can drop or delay traffic and cut connections, and counts round trips. */
export interface Proxy {
  readonly port: number;
  /** The number of times a client sent something after the server had. */
  roundTrips(): number;
  /** Silently drops the traffic of existing connections. */
  silence(): void;
  /** Delays unsolicited messages of the server until the client's next request. */
  holdBack(): void;
  /** Ends all connections. */
  cut(): void;
  /** Silently drops the traffic of all connections, also of those that are made, or ends them all, until `rejoin`. */
  isolate(how: "silently" | "with resets"): void;
  /** Connections that are made from now on lead to the server. */
  rejoin(): void;
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
  let isolated: "silently" | "with resets" | undefined;
  let trips = 0;
  const proxy = createServer((client) => {
    if (isolated === "with resets") return void client.on("error", () => {}).resetAndDestroy();
    const server = connect(port, "127.0.0.1");
    const connection: Connection = { client, server, isSilent: isolated === "silently" };
    connections.push(connection);
    let isServersTurn = false;
    let hasAsked = true;
    const held: (() => void)[] = [];
    /** @param deliver - passes a message of the server to the client */
    const pass = (deliver: () => void) => {
      if (connection.isSilent) return;
      if (holdsBack && !hasAsked) held.push(deliver);
      else deliver();
    };
    client.on("data", (data) => {
      if (!isServersTurn) trips++;
      isServersTurn = true;
      if (connection.isSilent) return;
      hasAsked = true;
      for (const deliver of held.splice(0)) deliver();
      server.write(data);
    });
    server.on("data", (data) => {
      isServersTurn = false;
      pass(() => client.write(data));
      // Every response ends with ReadyForQuery: "Z", the length 5, and a status.
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
    isolate: (how) => {
      isolated = how;
      for (const connection of connections) {
        if (how === "silently") connection.isSilent = true;
        else connection.client.resetAndDestroy();
      }
    },
    rejoin: () => (isolated = undefined),
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
