import { processWide } from "./process-wide.js";

const work = processWide<{ count: number }>("outside work", () => ({ count: 0 }));

const isDone = () => void work.count--;

/** Counts work that a server or a worker thread does, until it has answered. Returns the answer. */
export function outside<T>(answer: Promise<T>): Promise<T> {
  work.count++;
  answer.then(isDone, isDone);
  return answer;
}

/** Whether this process waits for an answer from outside. */
export function awaitsOutside(): boolean {
  return work.count > 0;
}
