import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Heap } from "../../lib/base/heap.js";
import { Queue } from "../../lib/base/queue.js";

const commands = fc.array(fc.record({ push: fc.boolean(), at: fc.nat(), rank: fc.nat(5) }), { maxLength: 200 });

describe("Heap", () => {
  it("has the least value first after any sequence of insertions and removals", () => {
    fc.assert(
      fc.property(commands, (list) => {
        let count = 0;
        const before = (a: { rank: number; id: number }, b: typeof a) =>
          a.rank === b.rank ? a.id < b.id : a.rank < b.rank;
        const heap = new Heap(before);
        const model: { rank: number; id: number }[] = [];
        for (const { push, at, rank } of list) {
          if (push || model.length === 0) {
            const value = { rank, id: count++ };
            heap.push(value);
            model.push(value);
            model.sort((a, b) => (before(a, b) ? -1 : 1));
          } else {
            const [value] = model.splice(at % model.length, 1);
            expect(heap.remove(value)).toBe(true);
            expect(heap.remove(value)).toBe(false);
          }
          expect(heap.first).toBe(model[0]);
          expect(heap.size).toBe(model.length);
        }
      }),
    );
  });
});

describe("Queue", () => {
  it("keeps the order of insertion, also after removals", () => {
    fc.assert(
      fc.property(commands, (list) => {
        let count = 0;
        const queue = new Queue<number>();
        const model: ReturnType<typeof queue.push>[] = [];
        for (const { push, at } of list) {
          if (push || model.length === 0) model.push(queue.push(count++));
          else {
            const [entry] = model.splice(at % model.length, 1);
            queue.remove(entry);
            expect(entry.isQueued).toBe(false);
          }
          expect(queue.first).toBe(model[0]);
          expect(queue.size).toBe(model.length);
        }
        for (const entry of model) {
          expect(queue.first).toBe(entry);
          queue.remove(entry);
        }
        expect(queue.first).toBeUndefined();
      }),
    );
  });
});
