import { now } from "../../base/clock.js";
import { StoreError } from "../../base/errors.js";
import { asSentence, messageOf } from "../../base/message.js";
import type { OpenQueue, QueueRequest, Taken } from "../../service/queue.js";
import { InFlight } from "../../stores/database/in-flight.js";
import type { ClaimableWorkflow, ClaimedRun, RunQueue } from "../../stores/queue/queue.js";
import type { Bell, Broker } from "../brokers/broker.js";
import { BrokerFailure, byBroker } from "../brokers/broker-failure.js";
import { Line, type LineHost } from "./line.js";
import { Outage } from "./outage.js";
import { TicketWriter } from "./ticket-writer.js";
import { queueName } from "./ticket.js";

/** How many of the runs that are ready a repair looks at. */
const MAX_REPAIRED = 200;

/**
 * A queue of services in which BullMQ passes tickets on: who becomes ready is told by whoever did it, and to one service.
 * What BullMQ has lost is repaired from the store, from time to time: this also finds the runs of clients that write no
 * tickets.
 */
export class TicketQueue implements OpenQueue {
  private readonly outage: Outage;
  private readonly settling = new InFlight();
  private readonly writer: TicketWriter;
  private readonly host: LineHost;
  private readonly lines = new Map<string, Line>();
  private readonly listeners = new Set<() => void>();
  private bell: Bell | undefined;
  /** How many runs this service has room for. */
  private free = 0;
  private isClaiming = false;
  private nextRepair = 0;
  /** The line to begin with, so that no workflow waits for another. */
  private turn = 0;

  /** @param repairInterval - in ms */
  constructor(
    private readonly runs: RunQueue,
    private readonly broker: Broker,
    job: LineHost["job"],
    private readonly repairInterval: number,
  ) {
    const remedyFor = (error: unknown) => broker.remedyFor(error);
    this.outage = new Outage(remedyFor, () => (this.nextRepair = 0));
    this.writer = new TicketWriter(runs, broker, this.outage);
    this.host = { runs, job, settling: this.settling };
  }

  async start(): Promise<void> {
    try {
      await byBroker(this.broker.probe());
    } catch (error) {
      const { cause } = error as BrokerFailure;
      const remedy = this.broker.remedyFor(cause);
      const what = remedy === undefined ? "can't be used" : "refuses its tickets";
      const message = `The queue of the service ${what}: ${asSentence(messageOf(cause))} ${remedy ?? `Check "connection" of bullmq().`}`;
      throw new StoreError(message, "STORE", { cause });
    }
    this.ringAll();
    this.bell ??= this.broker.bell((queue) => this.ring(queue));
  }

  over({ workflow }: ClaimedRun): void {
    for (const line of this.lines.values()) if (line.workflow === workflow) line.wakeUp();
  }

  onReady(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async claim({ workflows, limit }: QueueRequest): Promise<Taken> {
    const taken: ClaimedRun[] = [];
    if (this.outage.askIn > 0) return { runs: taken, nextIn: this.outage.askIn };
    this.isClaiming = true;
    try {
      await this.claimInto(taken, workflows, limit);
      this.outage.succeeded();
    } catch (error) {
      if (error instanceof BrokerFailure) this.outage.failed(error.cause);
      // What has been claimed must be driven. A store that fails does so the next time, too.
      else if (taken.length === 0) throw error;
    } finally {
      this.isClaiming = false;
      this.free = limit - taken.length;
    }
    this.listen();
    return { runs: taken, nextIn: this.nextIn() };
  }

  async stop(): Promise<void> {
    this.free = 0;
    this.bell?.close();
    for (const line of this.lines.values()) this.bell?.passOn(line.name);
    this.bell = undefined;
    await this.settling.settled();
  }

  async close(): Promise<void> {
    await this.stop();
    await this.writer.close();
    await this.broker.close();
  }

  private async claimInto(taken: ClaimedRun[], workflows: readonly ClaimableWorkflow[], limit: number): Promise<void> {
    await byBroker(this.broker.ready());
    for (const { name } of workflows) for (const isFresh of [false, true]) this.lineOf(name, isFresh);
    if (now() >= this.nextRepair) await this.repair(workflows);
    const lines = Array.from(this.lines.values());
    const first = this.turn++;
    for (let i = 0; i < lines.length && taken.length < limit; i++) {
      const line = lines[(first + i) % lines.length];
      const workflow = workflows.find(({ name }) => name === line.workflow);
      if (line.openIn > 0 || workflow === undefined) continue;
      taken.push(...(await line.claim(workflow, limit - taken.length)));
    }
  }

  /** Writes the tickets of runs that are ready, if they are missing, and takes those back that were lost on their way. */
  private async repair(workflows: readonly ClaimableWorkflow[]): Promise<void> {
    this.nextRepair = now() + this.repairInterval;
    await this.runs.promoteDue(workflows.map(({ name }) => name));
    const ready = await this.runs.ready(workflows, MAX_REPAIRED);
    await this.writer.write(ready);
    // A bell may have been missed.
    for (const { workflow, isFresh } of ready) this.lineOf(workflow, isFresh).isRung = true;
    await byBroker(Promise.all(Array.from(this.lines.values(), (line) => line.recover())));
  }

  private lineOf(workflow: string, isFresh: boolean): Line {
    const name = queueName(workflow, isFresh);
    let line = this.lines.get(name);
    if (line === undefined) this.lines.set(name, (line = new Line(this.host, this.writer.queue(name), workflow)));
    return line;
  }

  /** @param queue - undefined when tickets may have been missed, or lost */
  private ring(queue: string | undefined): void {
    const line = queue === undefined ? undefined : this.lines.get(queue);
    if (queue === undefined) this.ringAll();
    if (line !== undefined) line.isRung = line.isOwed = true;
    if (this.isClaiming) return;
    if (this.free > 0 && line?.isResting !== true) for (const listener of this.listeners) listener();
    else this.passOn();
  }

  /** Tickets may have been missed, or lost. */
  private ringAll(): void {
    this.nextRepair = 0;
    for (const line of this.lines.values()) line.isRung = true;
  }

  /** Listens for the next ticket, if there is room for its run, and else leaves it to others. */
  private listen(): void {
    if (this.free === 0) return this.passOn();
    const open = Array.from(this.lines.values()).filter(({ isResting }) => !isResting);
    this.bell?.listen(open.map(({ name }) => name));
  }

  private passOn(): void {
    for (const line of this.lines.values()) {
      // Somebody has to look when a ticket is due, too.
      if (!line.isOwed && line.openIn > 0) continue;
      if (line.isOwed || !line.isRung) this.bell?.passOn(line.name);
      line.isOwed = false;
      line.isRung = true;
    }
  }

  private nextIn(): number {
    const lines = Array.from(this.lines.values(), ({ openIn }) => openIn);
    const opens = this.free > 0 ? lines : lines.filter((openIn) => openIn > 0);
    return Math.min(...opens, Math.max(0, this.nextRepair - now()), Infinity);
  }
}
