/** What the server answers, as the page uses it. */
import type { Place } from "../commands.js";

export type { Place };

/** In JSON, or the beginning of that. */
export type Value = { readonly value: unknown } | { readonly text: string; readonly length: number };
export type Values = Readonly<Record<string, Value>>;

export interface Problem {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  readonly cause?: Problem;
}

export interface StudioFacts {
  readonly version: string;
  readonly isReadOnly: boolean;
  readonly place: Place;
}

export interface Pause {
  readonly node: string;
  readonly reason?: string;
  readonly data?: unknown;
  readonly until?: number;
}

export interface Summary {
  readonly runId: string;
  readonly workflow: string;
  readonly kind?: "dag" | "fsm";
  readonly status: string;
  readonly createdAt: number;
  readonly finishedAt?: number;
  readonly parentRunId?: string;
  readonly parentNode?: string;
  readonly isChild: boolean;
  readonly pauseReason?: string;
  readonly pauses: readonly Pause[];
  readonly currentState?: string;
  readonly dueAt?: number;
  readonly waitingFor?: { readonly events: readonly string[]; readonly until?: number };
}

export interface NodeFacts {
  readonly status: string;
  readonly attempts: number;
  readonly output?: Value;
  readonly branch?: string;
  readonly cached: boolean;
  readonly error?: Problem;
  readonly reason?: string;
  readonly startedAt?: number;
  readonly finishedAt?: number;
  readonly duration?: number;
  readonly waitingFor?: { readonly event: string } | { readonly until: number };
  readonly items?: Readonly<Record<string, number>>;
  readonly resumable: boolean;
}

export interface NamedNode extends NodeFacts {
  readonly name: string;
}

export interface Attempt {
  readonly node: string;
  readonly attempt: number;
  readonly status: string;
  readonly worker?: string;
  readonly startedAt?: number;
  readonly finishedAt?: number;
  readonly error?: Problem;
  readonly output?: Value;
}

export interface Cycle {
  readonly cycle: number;
  readonly state: string;
  readonly status: string;
  readonly attempts: number;
  readonly startedAt?: number;
  readonly finishedAt?: number;
  readonly input?: Value;
  readonly output?: Value;
  readonly event?: string;
  readonly error?: Problem;
}

export interface Run extends Summary {
  /** When the server read it. */
  readonly readAt: number;
  readonly command: string;
  readonly inputs: Values;
  readonly outputs: Values;
  readonly metadata: Values;
  readonly error?: Problem;
  readonly owner?: string;
  readonly graph: { readonly nodes: readonly { readonly name: string; readonly kind: string }[] };
  readonly nodes: readonly NamedNode[];
  readonly attempts: readonly Attempt[];
  readonly cycles: readonly Cycle[];
  readonly cycleCount: number;
  readonly visits: Readonly<Record<string, number>>;
  readonly children: readonly string[];
  readonly inside: readonly Summary[];
}

export interface NodePage extends NamedNode {
  readonly runId: string;
  readonly kind?: string;
  readonly input?: Values;
  readonly attemptList: readonly Attempt[];
  readonly itemCount: number;
  readonly itemList: readonly Attempt[];
  readonly cycleList: readonly Cycle[];
  readonly inside: readonly Summary[];
}

export interface Bar {
  readonly start: number;
  readonly end: number;
  readonly status: string;
  readonly note?: string;
}

export interface Timeline {
  readonly end: number;
  readonly leftOut: number;
  readonly lanes: readonly {
    readonly worker: string;
    readonly rows: readonly {
      readonly name: string;
      readonly bars: readonly Bar[];
      readonly gaps: readonly { readonly start: number; readonly end: number; readonly kind: string }[];
    }[];
  }[];
}

export type Schema = Readonly<Record<string, any>>;

export interface WorkflowFacts {
  readonly name: string;
  readonly kind?: string;
  readonly description?: string;
  readonly isKnown: boolean;
  readonly isStartable: boolean;
  readonly inputs?: readonly {
    readonly name: string;
    readonly required: boolean;
    readonly default?: unknown;
    readonly schema?: Schema;
  }[];
  readonly runs: Readonly<Record<string, number>>;
}

export interface Schedule {
  readonly name: string;
  readonly workflow: string;
  readonly cron?: string;
  readonly timezone?: string;
  readonly every?: number;
  readonly at?: string;
  readonly next?: string;
  readonly last?: string;
  readonly paused: boolean;
  readonly error?: Problem;
}

export interface Health {
  readonly running: number;
  readonly waiting: number;
  readonly due: number;
  readonly claimed: number;
  readonly oldestDue?: number;
  readonly lag: number;
}

export interface Services {
  readonly now: number;
  readonly health: Health;
  readonly workflows: readonly (Health & { readonly name: string })[];
  readonly drivers: readonly { readonly name: string; readonly runs: number; readonly leaseExpiresAt?: number }[];
}

export interface Side {
  readonly status: string;
  readonly branch?: string;
  readonly attempts: number;
  readonly duration?: number;
  readonly output?: Value;
}

export interface Comparison {
  readonly a: Summary;
  readonly b: Summary;
  readonly same: number;
  readonly inputs: readonly { readonly name: string; readonly a?: Value; readonly b?: Value }[];
  readonly nodes: readonly {
    readonly node: string;
    readonly differs: readonly string[];
    readonly a?: Side;
    readonly b?: Side;
  }[];
}

export interface Letter extends Summary {
  readonly error?: Problem;
  readonly failed: readonly string[];
}
