import { AsyncResource } from "node:async_hooks";
import { append } from "../../base/append.js";
import { sleepSync } from "../../base/sleep-sync.js";
import { Timer } from "../../base/timer.js";
import type { PendingEvent } from "../../engine/events/event-queue.js";
import { delayEnd } from "../../engine/events/delay-end.js";
import { Inbox, type Receiver } from "../../engine/events/inbox.js";
import { ReceivedEvents } from "../../engine/events/received-events.js";
import type { Lifecycle } from "../../engine/lifecycle.js";
import type { WaitPlan } from "../../planning/waits.js";
import { tooLate } from "../../run/late-event.js";
import { Status, type RunStatus } from "../../run/status.js";
import { failUnstarted, type FailingRun } from "../fail-node.js";
import type { Patient, Waiting } from "../executors/patient.js";
import type { Readiness } from "../readiness.js";
import type { DagRecorder } from "../durable/recorder.js";
import type { RunSetup } from "../run-setup.js";
import { Needless } from "./needless.js";
import { badDelay, eventLate, eventRefused, nobodySends } from "./wait-errors.js";

/** How often the store is polled for events after a deadline, at most, and the interval between polls, in ms. */
const POLL_ATTEMPTS = 10;
const POLL_INTERVAL = 500;

/** The run whose nodes wait. */
export interface WaitingRun extends FailingRun {
  readonly readiness: Readiness | undefined;
  readonly isPausing: boolean;
  readonly life: Pick<Lifecycle<unknown>, "guard" | "halt">;
  /** In ms since 1970. */
  timeOfDay(): number;
  /** Starts nodes, after a wait has ended. */
  woke(): void;
}

/** What a node waits for: its event, or else the end of its delay. */
interface OpenWait {
  readonly event: string | undefined;
  /** When its delay ends, or the latest time for its event, in ms since 1970. */
  readonly until: number | undefined;
  timer: Timer | undefined;
}

/**
 * The nodes of one run that wait for a time or an event before they start. They hold no permit.
 *
 * A node arrives when its needs have completed. It waits for its delay, then for its event. An event goes to the first
 * node that waits for it, in the order in which they began to wait. A time is one of the wall clock: if the clock jumps,
 * or the machine sleeps, the wait ends late, and once.
 *
 * Cost: O(1) per wait, and O(edges) in total.
 */
export class Waits implements Waiting, Receiver {
  /** Where events arrive; undefined if none can be sent. */
  readonly inbox: Inbox | undefined;
  private readonly recorder: DagRecorder | undefined;
  private arrived: number[] = [];
  /** The nodes that wait, in the order in which they began to. */
  private readonly open = new Map<number, OpenWait>();
  /** The nodes that wait for each event, in the same order. */
  private readonly byEvent = new Map<string, number[]>();
  /** How many nodes wait for events. */
  private listening = 0;
  private alive: Timer | undefined = undefined;
  private readonly needless: Needless;
  /** The async context of the run, since events are sent from others. */
  private readonly asyncContext = new AsyncResource("DagwrightRun");
  /** Gets the nodes that have waited. */
  declare executor: Patient;

  constructor(
    private readonly run: WaitingRun,
    private readonly plan: WaitPlan,
    setup: RunSetup,
  ) {
    this.recorder = setup.recorder;
    this.needless = new Needless(run.state.plan, run.state);
    this.inbox = this.newInbox(setup);
  }

  private newInbox({ recorder, takesEvents, events }: RunSetup): Inbox | undefined {
    if (this.plan.events.size === 0 || (recorder === undefined && takesEvents !== true)) return undefined;
    const inbox = new Inbox(this, recorder);
    if (recorder === undefined) return inbox;
    const received = new ReceivedEvents(recorder, this.plan.events, inbox, "node");
    recorder.subscribe((added) => received.add(added), events);
    return inbox;
  }

  get isOver(): boolean {
    return this.run.isOver;
  }

  timeOfDay(): number {
    return this.run.timeOfDay();
  }

  notTaken(event: string): Error {
    return eventRefused(this.run.state, event);
  }

  has(node: number): boolean {
    return this.plan.nodes.has(node);
  }

  /** Whether nodes wait. */
  get isOpen(): boolean {
    return this.open.size > 0;
  }

  /** When the first wait ends at the latest, in ms since 1970; undefined if none has to. */
  get dueAt(): number | undefined {
    const times = Array.from(this.open.values(), ({ until = Infinity }) => until);
    const due = times.reduce((first, time) => Math.min(first, time), Infinity);
    return due === Infinity ? undefined : due;
  }

  get hasArrived(): boolean {
    return this.arrived.length > 0;
  }

  arrive(node: number): void {
    this.arrived.push(node);
  }

  begin(): void {
    if (this.arrived.length === 0) return;
    const nodes = this.arrived;
    this.arrived = [];
    if (this.run.isPausing) return;
    for (const node of nodes) if (!this.run.isOver && this.run.state.status[node] === Status.ready) this.beginOne(node);
  }

  private beginOne(node: number): void {
    const { run } = this;
    const { state } = run;
    const any = this.needless.causeOf(node);
    if (any !== undefined) {
      this.skip(node, any);
      return run.readiness?.releaseSkipped();
    }
    const { delay } = state.plan.specs[node].options;
    const earlier = state.facts.earlierWaits.get(node);
    if (earlier?.payload !== undefined) {
      state.facts.payloads.set(node, earlier.payload.value);
      return this.executor.waited(node);
    }
    if (delay === undefined || earlier?.event !== undefined) return this.awaitEvent(node);
    let until: number;
    try {
      until = earlier?.until ?? delayEnd(delay, run.args.inputs(node), run.timeOfDay());
    } catch (cause) {
      return failUnstarted(run, node, badDelay(state, node, cause));
    }
    if (until > run.timeOfDay()) this.wait(node, { event: undefined, until, timer: undefined });
    else this.awaitEvent(node);
  }

  /** Waits for the event of a node, unless it has come, or the node has none. */
  private awaitEvent(node: number): void {
    const { run } = this;
    const { event } = run.state.plan.specs[node];
    if (event === undefined) return this.executor.waited(node);
    const earlier = run.state.facts.earlierWaits.get(node);
    const isKnown = earlier?.event !== undefined;
    const until = isKnown ? earlier.until : event.timeout === undefined ? undefined : run.timeOfDay() + event.timeout;
    const wait: OpenWait = { event: event.name, until, timer: undefined };
    if (this.byEvent.has(event.name)) return this.wait(node, wait);
    const sent = this.inbox?.peek([event.name], until);
    if (sent !== undefined) return this.take(node, sent);
    if (this.inbox === undefined && until === undefined) failUnstarted(run, node, nobodySends(run.state, node));
    else if (until !== undefined && until <= run.timeOfDay()) this.expire(node);
    else this.wait(node, wait);
  }

  private wait(node: number, wait: OpenWait): void {
    const { run, recorder } = this;
    const { event, until } = wait;
    const waitingFor = event === undefined ? { until: until as number } : { event };
    run.state.status[node] = Status.waiting;
    run.state.facts.waits.set(node, waitingFor);
    if (event !== undefined && until !== undefined) run.state.facts.deadlines.set(node, until);
    this.open.set(node, wait);
    if (event !== undefined) {
      append(this.byEvent, event, node);
      if (this.listening++ === 0) this.listen();
    }
    if (!run.sync && until !== undefined)
      wait.timer = Timer.at(
        until,
        () => this.enter(() => this.due(node, wait)),
        () => run.timeOfDay(),
      );
    recorder?.waits(node, event, until);
    run.emitter?.emit({ type: "node.waiting", waitingFor }, node);
  }

  /** Keeps the process alive while events may come. */
  private listen(): void {
    if (this.recorder !== undefined) this.recorder.listen();
    else if (!this.run.sync) this.alive = Timer.at(Infinity, () => {});
  }

  // --- the ends of waits ---

  /** Calls `work` as part of the run, which continues afterwards. */
  private enter(work: () => void): void {
    const { run } = this;
    this.asyncContext.runInAsyncScope(() =>
      run.life.guard(() => {
        if (run.isOver) return;
        work();
        if (!run.isOver) run.woke();
      }),
    );
  }

  /** Passes new events to the nodes that wait for them. */
  eventsAdded(names: readonly string[]): void {
    const awaited = names.filter((name) => this.byEvent.has(name));
    if (awaited.length > 0) this.enter(() => awaited.forEach((name) => this.deliver(name)));
  }

  private deliver(name: string): void {
    for (const node of this.byEvent.get(name)?.slice() ?? []) {
      const sent = this.inbox?.peek([name], this.open.get(node)?.until);
      if (sent !== undefined) this.take(node, sent);
    }
  }

  /** Binds an event to a node, which may start. */
  private take(node: number, sent: PendingEvent): void {
    const { run } = this;
    this.close(node);
    this.inbox?.take(sent);
    run.state.facts.payloads.set(node, sent.payload);
    this.recorder?.bound(node, sent.event, sent.payload);
    this.inbox?.acknowledge(sent);
    this.proceed(node);
  }

  private proceed(node: number): void {
    this.run.state.status[node] = Status.ready;
    this.executor.waited(node);
  }

  /** Called when the time of a wait has come. */
  private due(node: number, wait: OpenWait): void {
    if (this.open.get(node) !== wait) return;
    if (wait.event === undefined) {
      this.close(node);
      this.run.state.status[node] = Status.ready;
      return this.awaitEvent(node);
    }
    if (this.recorder === undefined) return this.late(node, wait);
    const polled = () => this.enter(() => this.late(node, wait));
    const retry = (attempts: number) => () => {
      if (attempts === 0) return polled();
      wait.timer = Timer.after(POLL_INTERVAL, () => poll(attempts - 1));
    };
    // Another process may have sent one in time.
    const poll = (attempts: number) => void this.recorder?.pollEvents().then(polled, retry(attempts));
    poll(POLL_ATTEMPTS);
  }

  private late(node: number, wait: OpenWait): void {
    if (this.open.get(node) === wait) this.expire(node);
  }

  /** Called when the event of a node did not come in time. */
  private expire(node: number): void {
    const { run } = this;
    this.close(node);
    this.recorder?.waitOver(node);
    run.state.status[node] = Status.ready;
    failUnstarted(run, node, eventLate(run.state, node), run.state.plan.specs[node].event?.onTimeout);
  }

  settled(node: number): void {
    if (!this.run.state.plan.anyNeeds.has(node)) return;
    for (const needless of this.needless.anySettled(node)) if (this.open.has(needless)) this.skip(needless, node);
  }

  private skip(node: number, any: number): void {
    this.close(node);
    this.recorder?.waitOver(node);
    this.run.readiness?.skipWaiting(node, this.run.state.plan.specs[any].name);
  }

  private close(node: number): void {
    const wait = this.open.get(node);
    if (wait === undefined) return;
    wait.timer?.stop();
    this.open.delete(node);
    this.run.state.facts.waits.delete(node);
    this.run.state.facts.deadlines.delete(node);
    const { event } = wait;
    if (event === undefined) return;
    const others = (this.byEvent.get(event) ?? []).filter((other) => other !== node);
    if (others.length > 0) this.byEvent.set(event, others);
    else this.byEvent.delete(event);
    if (--this.listening === 0) this.unlisten();
  }

  private unlisten(): void {
    this.alive?.stop();
    this.recorder?.unlisten();
  }

  /** In a synchronous run: blocks until the first wait ends. Returns false if no node waits. */
  passTime(): boolean {
    const { dueAt, run } = this;
    if (!run.sync || dueAt === undefined) return false;
    if (run.readiness?.takeCompleted() === true) return true;
    sleepSync(Math.max(0, dueAt - run.timeOfDay()));
    const time = run.timeOfDay();
    for (const [node, wait] of Array.from(this.open)) if ((wait.until ?? Infinity) <= time) this.due(node, wait);
    return true;
  }

  /** Why no node takes an event; undefined if one does, or may yet. */
  refusalOf(event: string): string | undefined {
    const { state } = this.run;
    const nodes = this.plan.events.get(event)?.nodes ?? [];
    if (nodes.some((node) => this.mayTake(node))) return undefined;
    const names = (list: readonly number[]) => list.map((node) => state.plan.specs[node].name);
    return tooLate(event, names(nodes), names(nodes.filter((node) => this.isLate(node))));
  }

  private mayTake(node: number): boolean {
    const { state } = this.run;
    return state.status[node] < Status.running && !state.facts.payloads.has(node) && !this.isLate(node);
  }

  private isLate(node: number): boolean {
    const wait = this.open.get(node);
    return wait?.event !== undefined && (wait.until ?? Infinity) < this.run.timeOfDay();
  }

  /** Called when the run is over. */
  stop(status: RunStatus): void {
    for (const { timer } of this.open.values()) timer?.stop();
    if (this.listening > 0) this.unlisten();
    this.inbox?.close({ continues: status === "paused" || status === "waiting" });
    this.inbox?.open();
  }
}
