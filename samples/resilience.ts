/**
 * An unreliable HTTP service behind retries, a circuit breaker, a fallback, a cache and a shared scheduler. The service
 * runs in this process, fails its first two calls, and is switched off later.
 *
 * Prints:
 *
 *     up: 1 EUR = 1.1 USD, after 3 calls
 *     cached: 1 EUR = 1.1 USD, after 3 calls
 *     down: 1 EUR = 1 USD, after 6 calls, circuit open
 *     still down: 1 EUR = 1 USD, after 6 calls, circuit open
 *     20 runs at once, at most 2 calls in flight
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { cachedNode, circuitState, type Context, Dag, node, resetCircuit, Scheduler } from "dagwright";

const service = { calls: 0, isDown: false, inFlight: 0, most: 0 };
const server = createServer((_, response) => {
  const ok = !service.isDown && ++service.calls > 2;
  if (service.isDown) service.calls++;
  service.most = Math.max(service.most, ++service.inFlight);
  setTimeout(() => {
    service.inFlight--;
    response.writeHead(ok ? 200 : 503).end("1.1");
  }, 2);
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

class Rates {
  @cachedNode({
    ttl: 60_000,
    retry: { retries: 2, delay: 5, backoff: "linear", jitter: true },
    timeout: 1000,
    circuitBreaker: { key: "rates", failureThreshold: 1 },
    fallback: 1,
  })
  async rate(currency: string, ctx: Context): Promise<number> {
    const response = await fetch(`${url}/${currency}`, { signal: ctx.signal });
    if (!response.ok) throw new Error(`the service answered ${response.status}`);
    return Number(await response.text());
  }

  @node("rate") line(rate: number): string {
    return `1 EUR = ${rate} USD, after ${service.calls} calls`;
  }
}

const dag = Dag.from(Rates);
const quote = async (currency: string) => (await dag.run({ inputs: { currency } })).get("line");
console.log(`up: ${await quote("USD")}`);
console.log(`cached: ${await quote("USD")}`);

service.isDown = true;
console.log(`down: ${await quote("JPY")}, circuit ${circuitState("rates")}`);
console.log(`still down: ${await quote("CHF")}, circuit ${circuitState("rates")}`);

service.isDown = false;
service.most = 0;
resetCircuit("rates");
const scheduler = new Scheduler({ maxConcurrency: 2 });
const runs = Array.from({ length: 20 }, (_, i) => dag.run({ inputs: { currency: `C${i}` }, scheduler }));
const done = (await Promise.all(runs)).filter(({ status }) => status === "completed");
console.log(`${done.length} runs at once, at most ${service.most} calls in flight`);
server.close();
