import type { EventFacts } from "../../run/events.js";
import type {
  AttemptEnd,
  AttemptTelemetry,
  FollowedRun,
  RefreshTelemetry,
  RunTelemetry,
  Telemetry,
} from "./telemetry.js";

type Follower = Pick<Telemetry, "follow">;

/** Two followers of the same runs. The trace is that of the first. */
export class Joined implements Follower {
  constructor(
    private readonly first: Follower,
    private readonly second: Follower,
  ) {}

  follow(run: FollowedRun): RunTelemetry {
    return new JoinedRun(this.first.follow(run), this.second.follow(run));
  }
}

class JoinedRun implements RunTelemetry {
  constructor(
    private readonly first: RunTelemetry,
    private readonly second: RunTelemetry,
  ) {}

  get trace(): string | undefined {
    return this.first.trace;
  }

  within<T>(work: () => T): T {
    return this.first.within(() => this.second.within(work));
  }

  record(facts: EventFacts, node: string | undefined): void {
    this.first.record(facts, node);
    this.second.record(facts, node);
  }

  attempt(node: string, attempt: number, item: number | undefined): AttemptTelemetry {
    const { first, second } = this;
    return new JoinedAttempt(first.attempt(node, attempt, item), second.attempt(node, attempt, item));
  }

  refresh(node: string, item: number | undefined): RefreshTelemetry | undefined {
    const { first, second } = this;
    return first.refresh(node, item) ?? second.refresh(node, item);
  }

  lost(): void {
    this.first.lost();
    this.second.lost();
  }
}

class JoinedAttempt extends Joined implements AttemptTelemetry {
  constructor(
    private readonly firstAttempt: AttemptTelemetry,
    private readonly secondAttempt: AttemptTelemetry,
  ) {
    super(firstAttempt, secondAttempt);
  }

  get trace(): string | undefined {
    return this.firstAttempt.trace;
  }

  within<T>(work: () => T): T {
    return this.firstAttempt.within(() => this.secondAttempt.within(work));
  }

  ended(how: AttemptEnd, outcome?: unknown): void {
    this.firstAttempt.ended(how, outcome);
    this.secondAttempt.ended(how, outcome);
  }
}
