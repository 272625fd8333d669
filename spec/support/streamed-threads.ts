/** Maps in streams, whose items run on worker threads. */
import { threadId } from "node:worker_threads";
import { Dag, map, node, stream, type Item } from "dagwright";

class Streamed {
  @node async *nums(): AsyncGenerator<number> {
    for (let i = 0; i < 40; i++) yield i;
  }
  @map(stream("nums"), { backend: "thread", concurrency: 4 }) square(n: Item<number>): [number, boolean] {
    return [n * n, threadId > 0];
  }
  @node(stream("square")) async sum(squares: AsyncIterable<[number, boolean]>): Promise<[number, boolean]> {
    let sum = 0;
    let isOnThreads = true;
    for await (const [square, isOnThread] of squares) {
      sum += square;
      isOnThreads &&= isOnThread;
    }
    return [sum, isOnThreads];
  }
}

export const streamed = Dag.from(Streamed);
