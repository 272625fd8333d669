import { pendingOf, whenSettled } from "../../base/coroutine.js";
import { messageOf } from "../../base/message.js";
import { warn } from "../../base/warning.js";

type Subscriber = (value: any) => unknown;

/**
 * The subscribers to the values of nodes. They are called when everything that can be computed for now is ready. They
 * can't harm each other: what they throw becomes a process warning.
 */
export class Subscribers {
  private readonly byNode = new Map<number, Set<{ readonly call: Subscriber }>>();
  /** The changes to report, in order. */
  private changes: { readonly node: number; readonly value: unknown }[] = [];

  constructor(private readonly nameOf: (node: number) => string) {}

  /** Returns a function that removes the subscriber. */
  add(node: number, call: Subscriber): () => void {
    const subscriber = { call };
    let list = this.byNode.get(node);
    if (list === undefined) this.byNode.set(node, (list = new Set()));
    list.add(subscriber);
    return () => {
      list.delete(subscriber);
      if (list.size === 0 && this.byNode.get(node) === list) this.byNode.delete(node);
    };
  }

  changed(node: number, value: unknown): void {
    if (this.byNode.size > 0 && this.byNode.has(node)) this.changes.push({ node, value });
  }

  /** Reports all changes so far. Changes that subscribers cause are reported later. */
  notify(): void {
    const { changes } = this;
    if (changes.length === 0) return;
    this.changes = [];
    for (const { node, value } of changes) {
      const subscribers = this.byNode.get(node);
      if (subscribers === undefined) continue;
      // A subscriber that is added meanwhile does not get this change; one that is removed gets no more.
      for (const subscriber of [...subscribers])
        if (subscribers.has(subscriber)) this.call(subscriber.call, node, value);
    }
  }

  clear(): void {
    this.byNode.clear();
    this.changes = [];
  }

  private call(subscriber: Subscriber, node: number, value: unknown): void {
    const warnOf = (error: unknown) =>
      warn(`A subscriber of "${this.nameOf(node)}" threw: ${messageOf(error)}`, "DagwrightObserverWarning");
    try {
      const pending = pendingOf<unknown>(subscriber(value));
      if (pending !== undefined) whenSettled(pending, () => {}, warnOf);
    } catch (error) {
      warnOf(error);
    }
  }
}
