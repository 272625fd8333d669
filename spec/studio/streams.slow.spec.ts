import { describe, expect, it } from "vitest";
import { sqliteStore } from "dagwright/store";
import { allOf } from "../support/event-stream.js";
import { useStudios } from "../support/studios.js";

const serve = useStudios();

describe("A thousand streams", () => {
  it("are a hundred: the others are refused, those that left make room, and closing ends all", async () => {
    const store = sqliteStore(":memory:");
    const { ask, listener } = await serve({ store });
    const asked = await Promise.all(Array.from({ length: 1000 }, () => ask("/api/events")));
    const [open, refused] = [200, 503].map((status) => asked.filter((reply) => reply.status === status));
    expect([open.length, refused.length]).toEqual([100, 900]);
    expect(((await refused[0].json()) as any).error.message).toContain("Close other pages");
    for (const reply of refused.slice(1)) await reply.body?.cancel();
    expect((await ask("/api/runs")).status).toBe(200);

    await open.pop()?.body?.cancel();
    let again = await ask("/api/events");
    // The server hears of it a moment later.
    while (again.status === 503) {
      await again.body?.cancel();
      again = await ask("/api/events");
    }
    expect(again.status).toBe(200);
    const ends = [...open, again].map(async (reply) => {
      expect((await allOf(reply)).every(({ event }) => event === "runs")).toBe(true);
    });
    await listener.close();
    await Promise.allSettled(ends);
    await store.close();
  });
});
