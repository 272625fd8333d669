import { afterTurn } from "../../base/event-loop.js";
import type { RunQueue, UnclaimedRun } from "../../stores/queue/queue.js";
import type { Broker, JobQueue } from "../brokers/broker.js";
import { type BrokerFailure, byBroker } from "../brokers/broker-failure.js";
import type { Outage } from "./outage.js";
import { jobOf, queueName, type Ticket } from "./ticket.js";

/** How many tickets are written at once. */
const MAX_TICKETS = 500;

/**
 * Writes tickets for runs that have become ready, or will be due, after that is committed: what happens in one turn of
 * the event loop, in one go. A ticket that can't be written is left to the next repair.
 */
export class TicketWriter {
  private readonly pending = new Set<string>();
  private readonly queues = new Map<string, JobQueue<Ticket>>();
  private writing: Promise<void> | undefined;
  private readonly stopListening: () => void;

  constructor(
    private readonly runs: RunQueue,
    private readonly broker: Broker,
    private readonly outage: Outage,
  ) {
    this.stopListening = runs.onWake((what, runIds) => {
      if ((what === "ready" || what === "rested") && runIds !== undefined) this.add(runIds);
    });
  }

  /** The queue of a name. The broker has to be ready. */
  queue(name: string): JobQueue<Ticket> {
    let queue = this.queues.get(name);
    if (queue === undefined) this.queues.set(name, (queue = this.broker.open(name)));
    return queue;
  }

  /** Writes tickets. Those that exist stay as they are. @throws {BrokerFailure} */
  async write(runs: readonly UnclaimedRun[]): Promise<void> {
    const byQueue = new Map<string, UnclaimedRun[]>();
    for (const run of runs) {
      const name = queueName(run.workflow, run.isFresh);
      const ofQueue = byQueue.get(name) ?? [];
      byQueue.set(name, ofQueue);
      ofQueue.push(run);
    }
    await byBroker(this.broker.ready());
    await byBroker(Promise.all(Array.from(byQueue, ([name, ofQueue]) => this.queue(name).addBulk(ofQueue.map(jobOf)))));
  }

  /** Writes what is left, and no more. */
  async close(): Promise<void> {
    this.stopListening();
    await this.writing;
  }

  private add(runIds: readonly string[]): void {
    for (const runId of runIds) this.pending.add(runId);
    this.writing ??= this.writePending().finally(() => (this.writing = undefined));
  }

  private async writePending(): Promise<void> {
    while (this.pending.size > 0) {
      await afterTurn();
      const runIds = Array.from(this.pending).slice(0, MAX_TICKETS);
      for (const runId of runIds) this.pending.delete(runId);
      if (this.outage.askIn > 0) continue;
      // As they are by now. A store that can't be reached is reported by those who need it.
      const runs = await this.runs.unclaimed(runIds).catch(() => []);
      if (runs.length === 0) continue;
      await this.write(runs).then(
        () => this.outage.succeeded(),
        (error: BrokerFailure) => this.outage.failed(error.cause),
      );
    }
  }
}
