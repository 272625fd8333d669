/** A bare HTTP server in a process of its own, until its parent is gone: answers JSON inputs `{ n }` with `{ "result": n + 1 }`. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const { n } = JSON.parse(Buffer.concat(chunks).toString()) as { n: number };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ result: n + 1 }));
  });
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
process.on("disconnect", () => process.exit());
