import { expect, describe, it } from "vitest";
import { Dag } from "dagwright";
import { createStudio } from "dagwright/studio";
import { sqliteStore } from "dagwright/store";
import { useStudios } from "../support/studios.js";

const serve = useStudios();

const JSON_TYPE = { "content-type": "application/json" };

describe("The door of a studio", () => {
  it("opens with the link, which is exchanged for a cookie that no script and no other site has", async () => {
    const { studio, origin, raw } = await serve();
    const host = origin.slice("http://".length);
    const entered = await raw(`/?token=${studio.token}`, { host });
    expect(entered.status).toBe(303);
    expect(entered.headers.location).toBe("./");
    const [cookie] = entered.headers["set-cookie"] as string[];
    expect(cookie).toMatch(/^dagwright-studio-[0-9a-f]{8}=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/u);
    expect(cookie).not.toContain(studio.token);
    const sent = cookie.slice(0, cookie.indexOf(";"));
    expect((await raw("/api/runs", { host, cookie: sent })).status).toBe(200);
    expect((await raw("/api/runs", { host, cookie: `${sent}x` })).status).toBe(401);
    expect((await raw("/api/runs", { host })).status).toBe(401);
  });

  it("has another token each time, of 256 random bits", async () => {
    const [one, other] = [await serve(), await serve()];
    expect(one.studio.token).toMatch(/^[\w-]{43}$/u);
    expect(one.studio.token).not.toBe(other.studio.token);
    expect((await other.ask("/api/runs", { headers: { authorization: `Bearer ${one.studio.token}` } })).status).toBe(
      401,
    );
  });

  it("tells nothing to who guesses", async () => {
    const { studio, origin } = await serve();
    const guesses = ["", "x", studio.token.slice(0, -1), `${studio.token}x`, studio.token.toLowerCase(), "%00", "é"];
    const answers = new Set<string>();
    for (const guess of guesses) {
      const reply = await fetch(`${origin}/?token=${guess}`, { redirect: "manual" });
      expect(reply.headers.get("set-cookie")).toBe(null);
      answers.add(`${reply.status} ${await reply.text()}`);
    }
    expect(answers.size).toBe(1);
    for (const path of ["/api/runs", "/api/events", "/page.js", "/api/nothing"]) {
      expect((await fetch(origin + path)).status).toBe(401);
    }
    expect(await (await fetch(`${origin}/`)).text()).not.toContain(studio.token);
  });

  it("refuses a token that could be guessed, without repeating it", () => {
    const store = sqliteStore(":memory:");
    for (const token of ["secret", "x".repeat(31), "a b".repeat(20)]) {
      expect(() => createStudio({ store, token })).toThrow(/^"token" must be random, and have at least 32 letters/u);
      expect(() => createStudio({ store, token })).not.toThrow(token);
    }
    expect(() => createStudio({ store, hosts: ["https://x"] })).toThrow('"hosts" must list names of hosts');
    expect(() => createStudio({} as never)).toThrow('"store" must be a store');
    expect(() => createStudio({ store, readonly: true } as never)).toThrow('Did you mean "readOnly"?');
  });
});

describe("Other pages", () => {
  it("reach nothing by a name that leads to this machine (DNS rebinding)", async () => {
    const { studio, origin, raw } = await serve();
    const port = new URL(origin).port;
    const authorization = `Bearer ${studio.token}`;
    for (const host of [
      "evil.example",
      `evil.example:${port}`,
      `127.0.0.1.evil.example:${port}`,
      "0.0.0.0",
      "127.0.0.1@evil.example",
      "localhost, evil.example",
    ]) {
      const reply = await raw("/api/runs", { host, authorization });
      expect([host, reply.status]).toEqual([host, host.includes("@") || host.includes(",") ? reply.status : 421]);
      expect(reply.status).not.toBe(200);
    }
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`, `LOCALHOST:${port}`]) {
      expect((await raw("/api/runs", { host, authorization })).status).toBe(200);
    }
  });

  it("take the hosts that they were given as their own", async () => {
    const { studio, raw } = await serve({ hosts: ["ops.example"] });
    const authorization = `Bearer ${studio.token}`;
    expect((await raw("/api/runs", { host: "ops.example", authorization })).status).toBe(200);
    expect((await raw("/api/runs", { host: "other.example", authorization })).status).toBe(421);
  });

  it("change nothing, and read nothing, though the browser sends the cookie (CSRF)", async () => {
    const { studio, origin, raw } = await serve();
    const host = origin.slice("http://".length);
    const [set] = (await raw(`/?token=${studio.token}`, { host })).headers["set-cookie"] as string[];
    const cookie = set.slice(0, set.indexOf(";"));
    const act = { method: "POST", body: JSON.stringify({ workflow: "w" }) };
    const own = { host, cookie, ...JSON_TYPE };
    const port = Number(new URL(origin).port);
    // Another port of this machine is the same site, so that the browser does send the cookie.
    const others = [
      "http://evil.example",
      "null",
      `http://127.0.0.1:${port + 1}`,
      `https://${host}`,
      "http://127.0.0.1",
    ];
    for (const from of others.filter((other) => !other.startsWith("https:"))) {
      expect((await raw("/api/runs", { ...own, origin: from }, act)).status).toBe(403);
      expect((await raw("/api/runs", { host, cookie, origin: from })).status).toBe(403);
    }
    expect((await raw("/api/runs", own, act)).status).toBe(403);
    for (const site of ["cross-site", "same-site"]) {
      expect((await raw("/api/runs", { host, cookie, "sec-fetch-site": site })).status).toBe(403);
      expect((await raw("/page.js", { host, cookie, "sec-fetch-site": site })).status).toBe(403);
      const opened = { "sec-fetch-site": site, "sec-fetch-mode": "navigate" };
      expect((await raw("/api/runs", { host, cookie, ...opened })).status).toBe(403);
      expect((await raw("/", { host, cookie, ...opened })).status).toBe(200);
    }
    // A form can send no JSON.
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
      const reply = await raw("/api/runs", { host, cookie, origin, "content-type": type }, act);
      expect(reply.status).toBe(415);
    }
    expect((await raw("/api/runs", { ...own, origin }, act)).status).toBe(201);
  });

  it("can't frame it, nor use its answers, and it loads nothing from elsewhere", async () => {
    const { ask } = await serve();
    for (const path of ["/", "/page.js", "/page.css", "/pictures.css", "/icon.svg", "/api/runs", "/api/nothing"]) {
      const { headers } = await ask(path);
      const policy = headers.get("content-security-policy") as string;
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toMatch(/unsafe|https?:|\*/u);
      expect(headers.get("cross-origin-resource-policy")).toBe("same-origin");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("access-control-allow-origin")).toBe(null);
    }
    const html = await (await ask("/")).text();
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\son\w+=|https?:/iu);
    expect(await (await ask("/page.css")).text()).not.toMatch(/url\(|@import/u);
  });
});

describe("What is sent to a studio", () => {
  it("leads to no files", async () => {
    const { raw, studio, origin } = await serve();
    const headers = { host: origin.slice("http://".length), authorization: `Bearer ${studio.token}` };
    const paths = [
      "/../package.json",
      "/..%2f..%2fpackage.json",
      "/%2e%2e/package.json",
      "//evil.example/page.js",
      "/page.js/../../x",
      "/api/../../etc/passwd",
      "/index.html",
      "/page.tsx",
      "/api/runs/..%2f..%2fx",
      "/page.js%00",
      "/%ff",
      "/api/runs/%ff",
      "/constructor",
      "/__proto__",
    ];
    for (const path of paths) {
      const reply = await raw(path, headers);
      expect([path, [400, 404].includes(reply.status)]).toEqual([path, true]);
    }
  });

  it("is refused when it is too long, before it is kept", async () => {
    const { ask, post } = await serve();
    const text = "x".repeat(1_000_001);
    expect(await post("/api/runs", { workflow: text })).toMatchObject({
      status: 413,
      body: { error: { code: "BODY" } },
    });
    // Without a length that is told in advance.
    const body = new ReadableStream<Uint8Array>({
      pull: (out) => out.enqueue(new Uint8Array(65_536).fill(32)),
    });
    const endless = ask("/api/runs", { method: "POST", headers: JSON_TYPE, body, duplex: "half" } as RequestInit);
    // The connection may be closed before the answer is read.
    expect([413, undefined]).toContain(
      await endless.then(
        ({ status }) => status,
        () => undefined,
      ),
    );
    expect((await ask("/api/runs")).status).toBe(200);
  });

  it("is refused when it is no object of what is known, naming what is wrong", async () => {
    const { ask, post } = await serve();
    const send = async (body: string) => (await ask("/api/runs", { method: "POST", headers: JSON_TYPE, body })).status;
    for (const body of ["", "{", "[]", "null", "1", '"x"']) expect(await send(body)).toBe(400);
    expect((await post("/api/runs", {})).body.error.message).toContain('"workflow" must be a non-empty string');
    expect((await post("/api/runs", { workflow: "w", inptus: {} })).body.error.message).toContain(
      'Did you mean "inputs"?',
    );
    expect((await post("/api/runs/x/replay", { rerun: [1] })).body.error.message).toContain(
      "must be a non-empty string",
    );
    expect((await post("/api/runs/x/cancel", {})).body.error.code).toBe("NOT_FOUND");
    expect((await post("/api/schedules/x/explode", {})).status).toBe(404);
    expect((await ask("/api/runs/x/cancel")).status).toBe(405);
    expect((await ask("/api/runs", { method: "DELETE" })).status).toBe(405);
    expect((await ask("/api/runs?status=lost")).status).toBe(400);
    expect((await ask("/api/runs?cursor=lost")).status).toBe(400);
    expect((await ask("/api/runs", { method: "HEAD" })).status).toBe(200);
  });

  it("is text, whatever names and values hold", async () => {
    const hostile = `</script><img src=x onerror=alert(1)>"'&\u202e`;
    const store = sqliteStore(":memory:");
    const dag = new Dag<any>(hostile);
    dag.node(hostile, { params: ["__proto__"] }, () => ({ [hostile]: hostile, __proto__: null, html: "<b>" }));
    dag.node("fails", { after: [hostile] }, () => {
      throw new Error(hostile);
    });
    const runId = `../${hostile}/%2f?#`;
    const inputs = JSON.parse(`{"__proto__": ${JSON.stringify(hostile)}}`);
    await dag.run({ store, runId, inputs, errorStrategy: "continue" }).catch(() => {});
    const { ask, data } = await serve({ store, workflows: [dag] });
    const path = `/api/runs/${encodeURIComponent(runId)}`;
    const run = await data(path);
    expect(run).toMatchObject({ runId, workflow: hostile, inputs: {} });
    expect(run.nodes.map(({ name }: { name: string }) => name)).toEqual([hostile, "fails"]);
    expect(run.nodes[1].error.message).toContain(hostile);
    const node = await data(`${path}/nodes/${encodeURIComponent(hostile)}`);
    expect(node.output.value[hostile]).toBe(hostile);
    const svg = await (await ask(`${path}/graph.svg`)).text();
    expect(svg).not.toMatch(/<img|<script|onerror=[^&]*>|\u202e/u);
    for (const each of [
      "/api/runs",
      path,
      `${path}/timeline`,
      "/api/workflows",
      "/api/dead-letters",
      "/api/services",
    ]) {
      const reply = await ask(each);
      expect([each, reply.status, reply.headers.get("content-type")]).toEqual([
        each,
        200,
        "application/json; charset=utf-8",
      ]);
    }
    await store.close();
  });
});

describe("A studio that only shows", () => {
  it("refuses each act", async () => {
    const { post, data } = await serve({ readOnly: true });
    const acts = [
      "/api/runs",
      ...["resume", "cancel", "pause", "replay", "send", "delete"].map((act) => `/api/runs/x/${act}`),
      "/api/schedules/x/trigger",
    ];
    for (const act of acts) {
      expect(await post(act, {})).toMatchObject({ status: 403, body: { error: { code: "READ_ONLY" } } });
    }
    expect(await data("/api/studio")).toMatchObject({ isReadOnly: true });
  });
});

describe("What a store or a studio hides", () => {
  it("is in no answer", async () => {
    const store = sqliteStore(":memory:");
    const dag = new Dag<any>("secrets");
    dag.node("login", { params: ["password"] }, (password: string) => ({ user: "ann", token: `${password}-token` }));
    dag.node("use", { needs: ["login"] }, (login: { user: string }) => login.user);
    await dag.run({ store, runId: "r", inputs: { password: "hunter2" } });
    store.redact("inputs.password");
    const { ask, data } = await serve({ store, redact: ["login.token"], workflows: [dag] });
    const paths = [
      "/api/runs",
      "/api/runs/r",
      "/api/runs/r/nodes/login",
      "/api/runs/r/nodes/use",
      "/api/runs/r/graph.svg",
      "/api/runs/r/timeline",
      "/api/compare?a=r&b=r",
      "/api/events?run=r",
    ];
    for (const path of paths) {
      const text = await (await ask(path)).text();
      expect([path, text.includes("hunter2")]).toEqual([path, false]);
    }
    expect((await data("/api/runs/r/nodes/login")).output.value).toEqual({ user: "ann", token: "[redacted]" });
    await store.close();
  });
});
