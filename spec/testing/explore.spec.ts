import { any, Dag, Fsm, next, node, stop, type Context } from "dagwright";
import { explore, virtualTime } from "dagwright/testing";
import { describe, expect, it } from "vitest";

const tick = () => Promise.resolve();

/** Two deposits, each of which reads the balance, waits, and writes it. */
class Account {
  balance = 0;
  @node one(): Promise<void> {
    return this.deposit(10);
  }
  @node two(): Promise<void> {
    return this.deposit(20);
  }
  @node({ after: ["one", "two"] }) total(): number {
    return this.balance;
  }
  private async deposit(amount: number): Promise<void> {
    const { balance } = this;
    await tick();
    this.balance = balance + amount;
  }
}

describe("explore", () => {
  it("finds no dependence where there is none, and then has tried all of few orders", async () => {
    const dag = new Dag("sum");
    dag.node("a", () => 1);
    dag.node("b", async () => (await tick(), 2));
    dag.node("sum", { needs: ["a", "b"] }, (a: number, b: number) => a + b);
    const report = await explore(dag);
    expect(report).toEqual({ deterministic: true, orders: expect.any(Number), complete: true });
    expect(report.orders).toBeGreaterThan(5);
    expect(await explore(dag)).toEqual(report);
    const alone = new Dag("alone");
    alone.node("a", (x: number) => x);
    expect(await explore(alone, { inputs: { x: 1 } })).toEqual({ deterministic: true, orders: 1, complete: true });
  });

  it.each([
    ["a class", Account],
    ["an instance", new Account()],
    ["a dag", Dag.from(Account)],
    ["a function", () => Dag.from(new Account())],
  ])("finds an update that is lost between two nodes of %s", async (_, workflow) => {
    const report = await explore(workflow);
    expect(report).toMatchObject({ deterministic: false, complete: false, dependsOn: "order" });
    const [a, b] = report.pair!;
    expect(new Set([a.results.total, b.results.total]).size).toBe(2);
    expect(report.difference).toContain('"total"');
    expect(await explore(workflow)).toEqual(report);
  });

  it("shrinks what it finds to two orders that differ by two neighbours", async () => {
    class Last {
      last = "";
      @node a(): void {
        this.last = "a";
      }
      @node b(): void {
        this.last = "b";
      }
      @node c(): number {
        return 3;
      }
      @node d(): number {
        return 4;
      }
      @node({ after: ["a", "b"] }) end(): string {
        return this.last;
      }
    }
    const { pair } = await explore(Last);
    expect(pair!.flatMap(({ order }) => order).filter((label) => label.endsWith("together"))).toEqual([]);
    const [one, other] = pair!.map(({ order }) => order);
    const at = one.findIndex((label, i) => label !== other[i]);
    expect([one[at], one[at + 1]]).toEqual([other[at + 1], other[at]]);
    expect([one[at], one[at + 1]].sort()).toEqual(["a starts", "b starts"]);
    expect([...one.slice(0, at), ...one.slice(at + 2)]).toEqual([...other.slice(0, at), ...other.slice(at + 2)]);
  });

  it("reorders what completes, so that an any takes another need", async () => {
    class Race {
      @node left(): string {
        return "left";
      }
      @node async right(): Promise<string> {
        await tick();
        return "right";
      }
      @any("left", "right") winner(first: string): string {
        return first;
      }
    }
    const { pair, difference } = await explore(Race);
    expect(difference).toContain('"winner"');
    expect(pair!.map(({ results }) => results.winner).sort()).toEqual(["left", "right"]);
  });

  it("lets timers of other nodes come first, without waiting for them", async () => {
    class Slow {
      seen: string[] = [];
      @node async slow(): Promise<void> {
        await new Promise((resolve) => setTimeout(resolve, 3_600_000));
        this.seen.push("slow");
      }
      @node quick(): void {
        this.seen.push("quick");
      }
      @node({ after: ["slow", "quick"] }) order(): string {
        return this.seen.join(" ");
      }
    }
    const { pair, orders } = await explore(Slow);
    expect(pair!.map(({ results }) => results.order).sort()).toEqual(["quick slow", "slow quick"]);
    expect(orders).toBeGreaterThan(1);
  });

  it("tries many orders at random, and finds in them what is rare", { tags: "slow" }, async () => {
    const make = () => {
      const seen: string[] = [];
      const dag = new Dag("rare");
      for (const name of ["a", "b", "c", "d", "e"]) dag.node(name, () => void seen.push(name));
      dag.node("end", { after: ["a", "b", "c", "d", "e"] }, () => seen.slice(0, 3).join("") === "edc");
      return dag;
    };
    const report = await explore(make);
    expect(report).toMatchObject({ deterministic: false, dependsOn: "order" });
    expect(report.pair!.map(({ results }) => results.end).sort()).toEqual([false, true]);
    expect((await explore(make, { seeds: 3 })).deterministic).toBe(true);
  });

  it("explores nodes of workflows inside, items of maps, and failures", async () => {
    class Log {
      seen: string[] = [];
    }
    const make = (fails: boolean) => () => {
      const log = new Log();
      const inner = new Dag("inner");
      inner.node("x", () => void log.seen.push("x"));
      const dag = new Dag("outer");
      dag.node("inside", inner);
      dag.node("list", () => [1, 2]);
      dag.map("items", { needs: ["list"] }, (item: number) => {
        log.seen.push(`item ${item}`);
        if (fails) throw new Error(`bad ${item}`);
      });
      dag.node("end", { after: ["inside", "items"] }, () => log.seen.join());
      return dag;
    };
    expect((await explore(make(false))).difference).toContain('"end"');
    const failing = await explore(make(true));
    expect(failing.pair!.map(({ error }) => error).sort()).toEqual(["bad 1", "bad 2"]);
  });

  it("says when results depend on state that functions keep", async () => {
    let calls = 0;
    const dag = new Dag("counting");
    dag.node("count", () => ++calls);
    const report = await explore(dag);
    expect(report).toMatchObject({ deterministic: false, orders: 1, dependsOn: "state" });
    expect(report.pair!.map(({ results }) => results.count)).toEqual([1, 2]);
    expect(report.pair![0].order).toEqual(report.pair![1].order);
  });

  it("takes the options of runs, and gives all of them one id and one time", async () => {
    const dag = new Dag("same");
    dag.node("a", (n: number, ctx: Context) => [n, ctx.runId, Date.now()]);
    expect(await explore(dag, { inputs: { n: 1 } })).toMatchObject({ deterministic: true });
    dag.removeNode("a");
    dag.node("b", { retry: 1 }, (ctx: Context) => {
      if (ctx.attempt === 1) throw new Error("once");
      return "b";
    });
    expect(await explore(dag, { seeds: 50 })).toMatchObject({ deterministic: true });
    const fsm = new Fsm<any>("two");
    fsm.state("first", { initial: true, to: ["second"] }, () => next("second", 1));
    fsm.state("second", (n: number) => stop(n));
    expect(await explore(fsm)).toEqual({ deterministic: true, orders: 1, complete: true });
  });

  it("refuses what it can't explore", async () => {
    await expect(explore("orders" as never)).rejects.toThrow("explore takes a dag, an fsm, an annotated class");
    await expect(explore(Account, { seeds: 0 })).rejects.toThrow('"seeds"');
    await expect(explore(Account, { inputs: { no: 1 } })).rejects.toThrow("no");
    await expect(explore(Account, { mode: "parallel" } as never)).rejects.toThrow('"mode"');
    await using time = virtualTime();
    await expect(explore(Account)).rejects.toThrow("explore has a virtual time of its own.");
    expect(time.now()).toBe(Date.now());
  });
});
