import { checkDuration, checkOptions, checkRecord, show, type Rules } from "../base/check.js";
import { StoreError, ValidationError } from "../base/errors.js";
import type { ChildRunOptions } from "../definition/context.js";
import { checkErrorStrategy } from "../definition/specs/node-options.js";
import type { Subworkflow } from "../definition/specs/subworkflow-spec.js";
import { OWN_RUN } from "../definition/own-run.js";
import { resolveWorkflow } from "../definition/subworkflow.js";
import type { Holder } from "../policies/holder.js";
import { childKey, keyText, type ChildResult } from "../run/child-result.js";
import { inside, joined, type WaitingFor } from "../run/waiting-for.js";
import type { RunBase } from "../run/run-base.js";
import type { RunStore } from "../stores/store.js";
import { outcomeOf, resultOf, type ChildEnd } from "./child-end.js";
import { ChildMail } from "./child-mail.js";
import type { EventEmitter } from "./event-emitter.js";
import type { InnerRuns } from "./inner-runs.js";
import type { CommonRunOptions } from "./options.js";
import { OuterRun } from "./outer-run.js";
import type { ChildEnded, ChildSite, InnerCall, RunInside, RunnableWorkflow } from "./run-inside.js";
import { withoutSlot } from "./slot.js";

/** The run that contains others. */
export interface ContainingRun {
  readonly state: RunBase;
  readonly options: CommonRunOptions;
  /** The id of the outermost run. */
  readonly rootId: string;
  /** Whether events can be sent to runs inside without a store. */
  readonly takesEvents: boolean;
  readonly sync: boolean;
  readonly isOver: boolean;
  /** The node that it is a part of in the wait-for graph. */
  readonly caller: Holder | undefined;
  /** Whether it, and the runs inside, are put away when only waits are left. */
  readonly detaches: boolean;
  readonly children: Children;
  /** What it gives to the runs inside. */
  readonly inner: InnerRuns;
  /** The error for an event that it did not take. */
  notTaken(event: string): Error;
  readonly emitter: EventEmitter | undefined;
  /** Of a resumed run: the results given for nodes inside that paused, by path. */
  readonly provide: Readonly<Record<string, unknown>> | undefined;
  /** The store has failed: gives the outermost run back, if that is returnable. Returns whether it has. */
  lostStore(error: unknown): boolean;
  /** The results of a run inside that this run takes, by path. */
  takesInside(node: string, path: string): readonly string[];
  /** Takes the result of a run inside, see {@link RunBase.children}. */
  keepChild(key: string, result: ChildResult): void;
}

const RULES: Rules<ChildRunOptions> = {
  inputs: checkRecord,
  key: (_, key) => {
    if (typeof key === "string" || Number.isFinite(key) || (key as unknown) === OWN_RUN) return;
    throw new TypeError(`"key" of ctx.run must be a string or a number; received ${show(key)}.`);
  },
  errorStrategy: checkErrorStrategy,
  timeout: checkDuration,
};

/** The delays between attempts to claim a run that another process seems to drive, in ms. */
const CLAIM_DELAY = { first: 50, longest: 1000 };

/** How many runs may start one inside the other before the next one waits for an empty stack. */
const MAX_STARTING = 20;
let starting = 0;

/** The keys of the runs that an attempt has begun. */
interface UsedKeys {
  readonly attempt: number;
  readonly keys: Set<string>;
  next: number;
}

/** Runs the workflows inside a run: those that are nodes, and those that nodes begin with `ctx.run`. */
export class Children {
  /** The keys that the current attempt of a node has used. */
  private used: Map<string, UsedKeys> | undefined = undefined;
  /** The runs that have not ended, with where they are. */
  private readonly open = new Map<RunInside, ChildSite>();
  /** This run as seen by the open runs in which only waits are left. */
  private readonly resting = new Set<OuterRun>();
  /** How many recorded runs are being claimed. */
  private claiming = 0;
  private readonly mail = new ChildMail();
  private onAllEnded: (() => void) | undefined = undefined;
  /** Whether the outer run was given back. */
  private isSilent = false;
  /** What `ctx.run` returned, until it settles. */
  private calls: Set<Promise<ChildResult>> | undefined = undefined;

  constructor(private readonly run: ContainingRun) {}

  /** Runs a node that is a workflow. Returns its value, or a promise of it. */
  execute(subworkflow: Subworkflow, inputs: ChildRunOptions["inputs"], site: ChildSite): unknown {
    const { output } = subworkflow.options;
    const valueOf = (result: ChildResult) => (output === undefined ? result.value : result.get(output));
    const result = this.begin(subworkflow.workflow as RunnableWorkflow, { inputs }, site);
    return result instanceof Promise ? result.then(valueOf) : valueOf(result);
  }

  /**
   * Runs a workflow for `ctx.run`.
   * @param site - of the attempt that calls it
   */
  call(call: InnerCall, site: ChildSite): Promise<ChildResult> {
    const work = async () => {
      try {
        return await withoutSlot(call.slot, () => this.beginCall(call, site));
      } finally {
        this.calls?.delete(result);
      }
    };
    const result = work();
    (this.calls ??= new Set()).add(result);
    return result;
  }

  private beginCall(
    { attempt, workflow: source, options, slot }: InnerCall,
    site: ChildSite,
  ): ChildResult | Promise<ChildResult> {
    if (this.run.isOver || site.abort.aborted || slot.hasSettled) {
      throw new ValidationError(
        `Node "${site.node}" has settled, so its ctx.run begins nothing. Wait for ctx.run in it.`,
      );
    }
    checkOptions(options, RULES, "ctx.run");
    const workflow = resolveWorkflow(source) as RunnableWorkflow;
    workflow.planned.update();
    const { key: given, ...own } = options;
    if ((given as unknown) === OWN_RUN) return this.begin(workflow, own, { ...site, restarts: site.isRetry });
    const key = keyText(this.newKey(site.key, attempt, given));
    return this.begin(workflow, own, placedAt(site, childKey(site.key, key), childKey(site.path, key)));
  }

  /** The outer run is over. Cancels the runs that nodes left behind. Returns a promise if these need a turn to end. */
  end(): Promise<void> | undefined {
    // There may be no one left to handle these rejections.
    for (const call of this.calls ?? []) call.catch(() => {});
    for (const { life } of this.open.keys()) life.cancel(this.whyOver);
    this.mail.refuse((event) => this.run.notTaken(event));
    return this.open.size === 0 ? undefined : new Promise((resolve) => (this.onAllEnded = resolve));
  }

  /** Why runs inside are cancelled when nothing waits for them. */
  private get whyOver(): string {
    return `run "${this.run.state.runId}" is over`;
  }

  /** The outer run is now observed. */
  observed(): void {
    for (const child of this.open.keys()) child.outerObserved();
  }

  /** The outer run was given back. That of a run which is being claimed comes later. */
  fallSilent(): void {
    this.isSilent = true;
    for (const child of this.open.keys()) child.fallSilent();
  }

  /** Whether only waits are left in a run inside, as it reports. */
  rests(of: OuterRun, isResting: boolean): void {
    if (isResting) this.resting.add(of);
    else this.resting.delete(of);
    this.run.inner.rested();
  }

  /** The nodes in which only waits are left, if that holds for all runs inside. @param items - in flight, of a map */
  restingNodes(items: (node: string) => number | undefined): string[] {
    const { open, resting, claiming } = this;
    if (open.size === 0 || resting.size < open.size || claiming > 0) return [];
    const callers = new Map<string, Set<string>>();
    for (const { node, caller } of open.values()) {
      const known = callers.get(node);
      if (known === undefined) callers.set(node, new Set([caller]));
      else known.add(caller);
    }
    return Array.from(callers.keys()).filter((node) => (items(node) ?? 1) === callers.get(node)?.size);
  }

  /** The nodes with open runs inside. */
  get nodes(): Set<string> {
    return new Set(Array.from(this.open.values(), ({ node }) => node));
  }

  /** What the open runs inside wait for, of one node or of all. */
  waitingFor(of?: string): WaitingFor | undefined {
    const found = Array.from(this.open).filter(([, { node }]) => of === undefined || node === of);
    return joined(
      found.flatMap(([{ waitingFor }, { path }]) => (waitingFor === undefined ? [] : inside(path, waitingFor))),
    );
  }

  /** Puts all runs inside away, in which only waits are left. */
  putAway(): void {
    for (const child of Array.from(this.open.keys())) child.putAway();
  }

  pause(): void {
    for (const child of Array.from(this.open.keys())) child.pause();
  }

  /** The run inside that an event such as `check.PAID` is for, if it has begun and takes it, and the event's name there. */
  openAt(event: string): { readonly run: RunInside; readonly event: string } | undefined {
    for (const [run, { path }] of this.open) {
      if (!event.startsWith(`${path}.`)) continue;
      const name = event.slice(path.length + 1);
      if (run.takesEvent(name)) return { run, event: name };
    }
    return undefined;
  }

  /** Sends an event to a run inside, when that begins. */
  sendLater(event: string, payload: unknown): Promise<void> {
    return this.mail.add(event, payload);
  }

  /** @param caller - the node, or item, that begins the run */
  private newKey(caller: string, attempt: number, given: string | number | undefined): string | number {
    const byCaller = (this.used ??= new Map<string, UsedKeys>());
    let used = byCaller.get(caller);
    if (used?.attempt !== attempt) byCaller.set(caller, (used = { attempt, keys: new Set(), next: 0 }));
    const key = given ?? used.next++;
    if (used.keys.has(String(key))) {
      throw new ValidationError(
        `Node "${caller}" has used the key ${show(key)} of ctx.run before. Give each call a key of its own.`,
      );
    }
    used.keys.add(String(key));
    return key;
  }

  private begin(workflow: RunnableWorkflow, own: ChildRunOptions, site: ChildSite): ChildResult | Promise<ChildResult> {
    const { run } = this;
    const outer = this.outerOf(site);
    const { store } = outer.options;
    if (store !== undefined && site.isRepeated) return this.continueRecorded(workflow, own, outer, site, store);
    return this.drive(workflow.createInside(own, outer, { sync: run.sync }), site);
  }

  private outerOf({ node, key, path, isCall, outlets, holder, followed }: ChildSite): OuterRun {
    const { run } = this;
    return new OuterRun(run, {
      node,
      key,
      caller: holder ?? run.caller,
      options: run.inner.optionsFor(node),
      permits: run.inner.permitsFor(node, isCall),
      outlets,
      followed,
      takes: run.takesInside(node, path),
      checks: isCall ? undefined : run.inner.checksFor(node),
      provide: run.provide && within(path, run.provide),
    });
  }

  /** Continues the run that an earlier attempt began, in this process or before it crashed. */
  private async continueRecorded(
    workflow: RunnableWorkflow,
    own: ChildRunOptions,
    outer: OuterRun,
    site: ChildSite,
    store: RunStore,
  ): Promise<ChildResult> {
    let found: RunInside | ChildResult;
    this.claiming++;
    try {
      found = await this.claim(workflow, own, outer, site, store);
    } finally {
      this.claiming--;
    }
    if ("life" in found) return this.drive(found, site);
    this.keep(site, found);
    this.oneLess();
    return resultOf(site, found);
  }

  /** Claims a recorded run, or restores its result; a new run if it is not recorded. */
  private async claim(
    workflow: RunnableWorkflow,
    own: ChildRunOptions,
    outer: OuterRun,
    site: ChildSite,
    store: RunStore,
  ): Promise<RunInside | ChildResult> {
    const { inputs = {} } = own;
    const { allowChanges } = this.run.options as { readonly allowChanges?: boolean };
    const how = { store, inputs, restarts: site.restarts, allowChanges };
    for (let delay = CLAIM_DELAY.first; ; delay = Math.min(delay * 2, CLAIM_DELAY.longest)) {
      try {
        return await workflow.continueInside(own, outer, how);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        if (error.code === "NOT_FOUND") return workflow.createInside(own, outer, { sync: false });
        // Its lease may end a little later than that of the outer run.
        if (error.code !== "LEASE_HELD" || this.run.isOver || site.abort.aborted) {
          this.run.lostStore(error);
          throw error;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, delay));
    }
  }

  /** Called when a run has ended: those that are left may be at rest. */
  private oneLess(): void {
    if (this.resting.size > 0) this.run.inner.rested();
  }

  /** Makes a result available as `run.child`. */
  private keep({ key, path }: ChildSite, result: ChildResult): void {
    this.run.keepChild(key, result);
    if (path !== key) this.run.keepChild(path, result);
  }

  /** Starts a run inside: later if too many start one inside the other, and not at all if nothing waits for it. */
  private start({ life }: RunInside, { abort }: ChildSite, onEnd: ChildEnded): void {
    const { run } = this;
    // The run inside was being claimed when that happened.
    const isLate = run.isOver || abort.aborted;
    if (isLate) life.startDeferred(onEnd, () => life.cancel(abort.reason ?? this.whyOver));
    else if (starting < MAX_STARTING || run.sync) nested(() => life.start(onEnd));
    else life.startDeferred(onEnd, (begin) => queueMicrotask(() => nested(begin)));
  }

  private drive(child: RunInside, site: ChildSite): ChildResult | Promise<ChildResult> {
    const { sync } = this.run;
    let end: ChildEnd | undefined;
    let onEnd: ((end: ChildEnd) => void) | undefined;
    this.open.set(child, site);
    if (this.isSilent) child.fallSilent();
    this.mail.deliver(child, site.path);
    if (this.resting.size > 0) this.run.inner.rested();
    this.start(child, site, (result, error) => {
      this.open.delete(child);
      this.keep(site, result);
      if (this.open.size === 0) this.onAllEnded?.();
      end = { result, error, dueAt: child.state.dueAt };
      onEnd?.(end);
      this.oneLess();
    });
    if (end === undefined && sync) throw new Error("A synchronous run did not end.");
    if (end !== undefined && (sync || end.result.status === "completed")) return outcomeOf(site, end);
    return new Promise((resolve, reject) => {
      const settle = (ended: ChildEnd) => {
        try {
          resolve(outcomeOf(site, ended));
        } catch (failure) {
          reject(failure);
        }
      };
      // A pause or a failure is reported later: other ready work may start first.
      if (end !== undefined) return settle(end);
      let removeListener = () => {};
      onEnd = (ended) => {
        removeListener();
        settle(ended);
      };
      removeListener = site.abort.listen((reason) => child.life.cancel(reason));
    });
  }
}

/** Calls `begin`, counting how many runs start one inside the other. */
function nested(begin: () => void): void {
  starting++;
  try {
    begin();
  } finally {
    starting--;
  }
}

/** A site with another key and path. Written out, since a spread with more properties takes longer. */
function placedAt(site: ChildSite, key: string, path: string): ChildSite {
  const { node, caller, abort, isRepeated, isRetry, restarts, isCall, outlets, holder, followed } = site;
  return { node, key, path, caller, abort, isRepeated, isRetry, restarts, isCall, outlets, holder, followed };
}

/** The results given for nodes inside a run, by their paths in it; undefined if there are none. */
function within(
  path: string,
  provide: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> | undefined {
  const prefix = `${path}.`;
  const inner = Object.entries(provide).filter(([name]) => name.startsWith(prefix));
  if (inner.length === 0) return undefined;
  return Object.fromEntries(inner.map(([name, value]) => [name.slice(prefix.length), value]));
}
