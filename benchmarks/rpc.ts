/**
 * What does a node on a server cost, next to a bare `POST` of the same JSON?
 *
 * Runs a dag of one node, and one of 32 nodes at once, on a server in another process. The peer sends the same bodies by
 * undici, through a pool of the same size, to the same server, and parses the answers. Contenders take turns, and their
 * answers are checked.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Dag } from "dagwright";
import { rpc } from "dagwright/backends";
import { Pool } from "undici";
import { compare, expectSame, round, verdict } from "./measure.js";
import { sum } from "./shapes.js";

const AT_ONCE = 32;

const server = fork(fileURLToPath(new URL("workers/http-server.js", import.meta.url)), { execArgv: [] });
const [port] = (await once(server, "message")) as [number];
const url = `http://127.0.0.1:${port}`;
const backend = rpc(url, { poolSize: AT_ONCE });
const pool = new Pool(url, { connections: AT_ONCE });

async function post(n: number): Promise<number> {
  const headers = { "content-type": "application/json" };
  const { body } = await pool.request({ path: "/", method: "POST", headers, body: JSON.stringify({ n }) });
  return ((await body.json()) as { result: number }).result;
}

function dagOf(size: number): Dag<any> {
  const dag = new Dag<any>("rpc");
  for (let i = 0; i < size; i++) dag.node(`n${i}`, { backend, params: ["n"] });
  return dag;
}

for (const [size, samples] of [
  [1, 4000],
  [AT_ONCE, 500],
] as const) {
  const dag = dagOf(size);
  const expected = size * 8;
  const { ours, theirs, ratio } = await compare(
    samples,
    async () => {
      const { results } = await dag.run({ mode: "hybrid", inputs: { n: 7 } });
      expectSame(sum(Object.values(results)), expected, "rpc");
    },
    async () => expectSame(sum(await Promise.all(Array.from({ length: size }, () => post(7)))), expected, "undici"),
  );
  const what = size === 1 ? "a node on a server" : `${size} nodes on a server`;
  console.log(`${what}: ${round(ours)} ms, bare undici ${round(theirs)} ms`);
  verdict(`${what}, run / bare undici`, ratio, "≤", 1.15);
}
await pool.close();
await backend.close?.();
server.kill();
