import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import { BackendError, Dag, type RunOptions } from "dagwright";
import { rpc, serveNodes } from "dagwright/backends";
import { answering, json } from "../support/answering.js";
import { gate, until } from "../support/waiting.js";

type Options = Parameters<typeof rpc>[1];

/** Runs one node on a server. */
async function callOf(url: string, options: Options = {}, run: RunOptions = {}, retry = 0) {
  const dag = new Dag("caller");
  const backend = rpc(url, options);
  dag.node("ask", { backend, params: ["question"], retry: { retries: retry, delay: 0 } });
  try {
    const result = await dag.run({ inputs: { question: "?" }, errorStrategy: "continue", ...run });
    return { value: result.get("ask"), report: result.nodes.get("ask"), error: result.nodes.get("ask")?.error };
  } finally {
    await backend.close?.();
  }
}

describe("A call by rpc", () => {
  it("is a POST of the inputs by name, with what it belongs to in headers", async () => {
    await using server = await answering(json(200, { result: { answer: 42 }, more: 1 }));
    const options = { token: "secret", headers: { "X-Team": "a" }, timeout: 5000, node: "ask me/now" };
    const { value } = await callOf(`${server.url}/v1/`, options, { runId: "Lauf 1 ü", metadata: { tenant: "t" } });
    expect(value).toEqual({ answer: 42 });
    const [{ url, method, body, headers }] = server.requests;
    expect([method, url, JSON.parse(body)]).toEqual(["POST", "/v1/ask%20me/now", { question: "?" }]);
    expect(headers).toMatchObject({
      "content-type": "application/json",
      "connect-protocol-version": "1",
      "connect-timeout-ms": "5000",
      authorization: "Bearer secret",
      "x-team": "a",
      "dagwright-run": "Lauf%201%20%C3%BC",
      "dagwright-workflow": "caller",
      "dagwright-node": "ask",
      "dagwright-attempt": "1",
      "dagwright-idempotency-key": "Lauf%201%20%C3%BC/ask",
      "dagwright-metadata": '{"tenant":"t"}',
    });
  });

  it("gives undefined if the answer has no result", async () => {
    await using server = await answering(json(200, {}));
    expect((await callOf(server.url)).report).toMatchObject({ status: "completed" });
  });

  it.each<[string, unknown, string]>([
    ["a date", { at: new Date(0) }, "inputs.question.at is an object (Date)"],
    ["a map", [new Map()], "inputs.question[0] is an object (Map)"],
    ["not a number", { n: [1, NaN] }, "inputs.question.n[1] is NaN"],
    ["minus zero", -0, "inputs.question is -0"],
    ["undefined inside", { a: { b: undefined } }, "inputs.question.a.b is undefined"],
    ["a big integer", 5n, "inputs.question is 5n"],
    ["a function", { fn: () => 1 }, "inputs.question.fn is function fn"],
    ["an instance", new (class Point {})(), "inputs.question is an object (Object)"],
  ])("is refused for %s, which JSON would lose", async (_, question, path) => {
    await using server = await answering(json(200, {}));
    const { error } = await callOf(server.url, {}, { inputs: { question } }, 3);
    expect(error).toBeInstanceOf(BackendError);
    expect(error).toMatchObject({ code: "BACKEND", rpcCode: "invalid_argument", retryable: false });
    expect(error?.message).toContain(path);
    expect(server.requests).toEqual([]);
  });

  it.each<[string, (response: ServerResponse) => void, object, string]>([
    [
      "a redirect",
      json(302, "", { location: "/else" }),
      { rpcCode: "unimplemented", status: 302 },
      "redirects to /else, which is not followed",
    ],
    ["text", (response) => response.end("hello"), { rpcCode: "internal", status: 200 }, 'received "hello"'],
    ["half of JSON", json(200, '{"result":'), { rpcCode: "internal", status: 200 }, "must be JSON"],
    ["a list", json(200, "[1]"), { rpcCode: "internal", status: 200 }, "must be JSON"],
    [
      "an error",
      json(404, { code: "not_found", message: "no such order" }),
      { rpcCode: "not_found", status: 404 },
      "it answered 404 not_found: no such order.",
    ],
    [
      "an error of a proxy",
      (response) => response.writeHead(401).end("<html>"),
      { rpcCode: "unauthenticated", status: 401 },
      "401",
    ],
    ["an unknown code", json(400, { code: "odd", message: 5 }), { status: 400 }, "it answered 400"],
    [
      "a detail that is none",
      json(400, { code: "out_of_range", details: [{ type: "dagwright.Thrown", value: "e30=" }] }),
      { rpcCode: "out_of_range" },
      "400",
    ],
  ])(
    "that is answered with %s fails, once if another attempt would not mend it",
    async (_, answer, expected, message) => {
      await using server = await answering(answer);
      const { error, report } = await callOf(server.url, {}, {}, 0);
      expect(error).toBeInstanceOf(BackendError);
      expect(error).toMatchObject({ code: "BACKEND", node: "ask", attempt: 1, ...expected });
      expect(error?.message).toContain(message);
      expect(report?.attempts).toBe(1);
      const { retryable } = error as BackendError;
      const again = await callOf(server.url, {}, {}, 2);
      expect(again.report?.attempts).toBe(retryable ? 3 : 1);
    },
  );

  it.each([
    ["unavailable", 3],
    ["internal", 3],
    ["invalid_argument", 1],
    ["permission_denied", 1],
  ])("that fails with %s is made %i times, or as retryable says", async (code, attempts) => {
    await using server = await answering(json(500, { code, message: "no" }));
    expect((await callOf(server.url, {}, {}, 2)).report?.attempts).toBe(attempts);
    const retryable = (error: BackendError) => error.rpcCode === "permission_denied";
    expect((await callOf(server.url, { retryable }, {}, 2)).report?.attempts).toBe(
      code === "permission_denied" ? 3 : 1,
    );
  });

  it("fails if the answer is too large, whether or not it says so, with both sizes", async () => {
    await using announced = await answering(json(200, { result: "x".repeat(100) }, { "content-length": "113" }));
    expect((await callOf(announced.url, { maxResponseBytes: 113 })).value).toHaveLength(100);
    const { error } = await callOf(announced.url, { maxResponseBytes: 112 }, {}, 2);
    expect(error?.message).toContain('with 113 bytes, more than "maxResponseBytes" of 112');
    await using endless = await answering((response) => {
      response.writeHead(200, { "content-type": "application/json" });
      const write = () => void (response.destroyed || (response.write("x".repeat(1000)), setImmediate(write)));
      write();
    });
    const late = await callOf(endless.url, { maxResponseBytes: 5000 }, {}, 2);
    expect(late.error).toMatchObject({ code: "BACKEND", rpcCode: "resource_exhausted", retryable: false });
  });

  it("fails if the answer is late, if the connection ends, and if nobody is there", async () => {
    await using silent = await answering(() => {});
    const late = await callOf(silent.url, { timeout: 20 });
    expect(late.error).toMatchObject({ code: "BACKEND", rpcCode: "deadline_exceeded", retryable: true });
    expect(late.error?.message).toContain("it gave no answer within 20 ms");
    await using rude = await answering((response) => response.socket?.destroy());
    expect((await callOf(rude.url)).error).toMatchObject({ rpcCode: "unavailable", cause: { name: "SocketError" } });
    const { url } = await serveNodes(new Dag("gone")).then(async (server) => (await server.close(), server));
    expect((await callOf(url)).error).toMatchObject({ rpcCode: "unavailable", cause: { code: "ECONNREFUSED" } });
  });

  it("ends the connection when nobody waits any longer, which aborts the signal of a served node", async () => {
    const { opened, open } = gate();
    const reasons: unknown[] = [];
    const dag = new Dag("served");
    dag.node("wait", (ctx: { signal: AbortSignal }) => {
      ctx.signal.addEventListener("abort", () => reasons.push((ctx.signal.reason as Error).message));
      open();
      return new Promise(() => {});
    });
    const server = await serveNodes(dag);
    const caller = new Dag("caller");
    caller.node("wait", { backend: rpc(`${server.url}/served/wait`) });
    const handle = caller.start({ mode: "hybrid" });
    await opened;
    void handle.cancel("enough");
    await expect(handle.result).rejects.toMatchObject({ code: "CANCELLED" });
    await until(() => reasons.length === 1);
    expect(reasons).toEqual(["The caller has left."]);
    await server.close();
  });

  it.each<[unknown, Options, string]>([
    ["nowhere", {}, 'The URL of rpc must be like "https://host/path"; received "nowhere".'],
    ["ftp://host/", {}, 'must be like "https://host/path"; received "ftp://host/"'],
    ["http://host:99999/", {}, "must be like"],
    ["http://host:0/", {}, "with a port that a server can have"],
    ["http://", {}, "must be like"],
    ["http://a:b@host/", {}, "without a user or password"],
    [undefined, {}, "received undefined"],
    ["http://host/#x", {}, "without a fragment"],
    ["http://host", { poolSize: 0 }, '"poolSize" must be a whole number, at least 1; received 0.'],
    ["http://host", { timeout: 0 }, '"timeout" must be a number of milliseconds'],
    ["http://host", { token: "a b" }, '"token" must be a non-empty text'],
    ["http://host", { headers: { "a b": "c" } }, '"headers.a b" is not the name of a header'],
    ["http://host", { headers: { a: "b\r\nc: d" } }, '"headers.a" must be text that a header can hold'],
    ["http://host", { headers: { Host: "b" } }, '"headers.Host" is a header that rpc sets itself'],
    ["http://host", { token: "t", headers: { Authorization: "b" } }, 'is what "token" stands for'],
    ["http://host", { retries: 3 } as Options, "retries"],
  ])("to %s with %o is refused at once", (url, options, message) => {
    expect(() => rpc(url as string, options)).toThrow(message);
  });
});

describe("serveNodes", () => {
  const dag = new Dag("shop");
  dag.node("double", (n: number) => n * 2);
  dag.node("odd", () => new Date(0));
  dag.node("nothing", () => undefined);

  const post = async (url: string, body: string, headers: Record<string, string> = {}) => {
    const response = await fetch(url, {
      method: "POST",
      body,
      headers: { "content-type": "application/json", ...headers },
    });
    return [response.status, await response.json()] as const;
  };

  it("answers any client that speaks Connect, and says what it does not take", async () => {
    const server = await serveNodes(dag, { maxRequestBytes: 20 });
    const { url } = server;
    expect(await post(`${url}/shop/double`, '{"n":4}')).toEqual([200, { result: 8 }]);
    expect(await post(`${url}/double`, '{"n":4}')).toEqual([200, { result: 8 }]);
    expect(await post(`${url}/shop/nothing`, "{}")).toEqual([200, {}]);
    const refusals: [string, string, Record<string, string>, number, string, string][] = [
      ["shop/doubel", "{}", {}, 501, "unimplemented", 'Did you mean "double"?'],
      ["shop/double", "{", {}, 400, "invalid_argument", "not valid JSON"],
      ["shop/double", "[]", {}, 400, "invalid_argument", "must be an object with inputs by name"],
      ["shop/double", '{"m":1}', {}, 400, "invalid_argument", 'has no parameter "m". It takes: n.'],
      ["shop/double", "{}", { "content-type": "text/plain" }, 400, "invalid_argument", "must be JSON"],
      ["shop/double", "{}", { "connect-protocol-version": "2" }, 400, "invalid_argument", "must be 1"],
      [
        "shop/double",
        '{"n":1,"pad":"long"}    ',
        {},
        429,
        "resource_exhausted",
        'has 24 bytes, more than "maxRequestBytes" of 20',
      ],
      ["shop/odd", "{}", {}, 400, "failed_precondition", "result is an object (Date), which JSON can't hold"],
      [
        "shop/double",
        "{}",
        { origin: "https://evil.example" },
        403,
        "permission_denied",
        "only programs of this machine",
      ],
    ];
    for (const [path, body, headers, status, code, message] of refusals) {
      const answer = await post(`${url}/${path}`, body, headers);
      expect(answer).toMatchObject([status, { code }]);
      expect((answer[1] as { message: string }).message).toContain(message);
    }
    expect((await fetch(`${url}/shop/double`)).status).toBe(501);
    await server.close();
  });

  it("asks for its token, and listens elsewhere only with one", async () => {
    await expect(serveNodes(dag, { host: "0.0.0.0" })).rejects.toThrow(
      "serveNodes without a token would let anyone who reaches 0.0.0.0 call nodes",
    );
    const server = await serveNodes(dag, { host: "0.0.0.0", token: "t0ken" });
    const url = `http://127.0.0.1:${server.port}/shop/double`;
    expect(await post(url, '{"n":1}')).toMatchObject([401, { code: "unauthenticated" }]);
    expect(await post(url, '{"n":1}', { authorization: "Bearer wrong" })).toMatchObject([401, {}]);
    expect(await post(url, '{"n":1}', { authorization: "Bearer t0ken" })).toEqual([200, { result: 2 }]);
    await server.close();
    await expect(post(url, "{}")).rejects.toThrow();
  });

  it("serves on a listener of one's own, which it does not close", async () => {
    const listener = createServer();
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    const server = await serveNodes(dag, { listener });
    expect(await post(`${server.url}/shop/double`, '{"n":3}')).toEqual([200, { result: 6 }]);
    await server.close();
    expect(listener.listening).toBe(true);
    await new Promise((resolve) => listener.close(resolve));
  });

  it.each<[object, string]>([
    [{ port: 70_000 }, '"port" must be a whole number, from 0 to 65535; received 70000.'],
    [{ port: -1 }, '"port" must be a whole number'],
    [{ host: "not a host" }, '"host" must be an IP address or a host name'],
    [{ host: "127.0.0.1:80" }, '"host" must be an IP address or a host name, without a port'],
    [{ token: "" }, '"token" must be a non-empty text'],
    [{ maxRequestBytes: 0 }, '"maxRequestBytes" must be a whole number'],
    [{ listener: {} }, '"listener" must be a server of node:http'],
    [{ listener: createServer(), port: 1 }, 'Leave out "port" and "host"'],
  ])("refuses %o", async (options, message) => {
    await expect(serveNodes(dag, options)).rejects.toThrow(message);
  });
});
