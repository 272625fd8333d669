import { ModernFakeTimers } from "@jest/fake-timers";
import { Dag } from "dagwright";
import { Service } from "dagwright/service";
import { sqliteStore } from "dagwright/store";
import { virtualTime } from "dagwright/testing";
import { describe, expect, it, vi } from "vitest";

const DAY = 86_400_000;

const jest = new ModernFakeTimers({ config: { rootDir: ".", fakeTimers: {} } as never, global: globalThis });

const fakes = [
  { name: "Vitest", use: () => void vi.useFakeTimers(), end: () => void vi.useRealTimers() },
  {
    name: "Vitest, also of microtasks",
    use: () => void vi.useFakeTimers({ toFake: ["queueMicrotask", "setImmediate", "setTimeout", "Date"] }),
    end: () => void vi.useRealTimers(),
  },
  { name: "Jest", use: () => jest.useFakeTimers(), end: () => jest.useRealTimers() },
];

describe.each(fakes)("Virtual time over the fake timers of $name", ({ use, end }) => {
  it("passes months of schedules, and then puts the fake timers back", async () => {
    use();
    try {
      const { setTimeout: fake, Date: FakeDate } = globalThis;
      const times: string[] = [];
      {
        await using time = virtualTime({ now: new Date("2026-01-01T00:00:00Z") });
        await using store = sqliteStore(":memory:");
        const dag = new Dag("report");
        dag.node("write", async () => {
          await new Promise((resolve) => setTimeout(resolve, 1000));
          await new Promise<void>((resolve) => setImmediate(() => process.nextTick(() => queueMicrotask(resolve))));
          times.push(new Date().toISOString());
        });
        const service = new Service({ store, workflows: [dag] });
        await service.start();
        await service.schedule("weekly", dag, { cron: "0 3 * * MON" });
        await time.advance(61 * DAY);
        await service.stop();
      }
      expect([times.length, times[8]]).toEqual([9, "2026-03-02T03:00:01.000Z"]);
      expect([globalThis.setTimeout, Date]).toEqual([fake, FakeDate]);
    } finally {
      end();
    }
  });

  it("says so when they were put on top of it", async () => {
    await using time = virtualTime();
    use();
    try {
      await expect(time.advance(1)).rejects.toThrow("Other timers have taken the place of virtualTime().");
      await expect(time.until(Promise.resolve())).rejects.toThrow(
        "Call vi.useFakeTimers() or jest.useFakeTimers() before it, or not at all.",
      );
    } finally {
      end();
    }
  });
});
