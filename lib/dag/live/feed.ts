import { nextTurn } from "../../base/event-loop.js";
import { PulledSource, type Source } from "../../base/source.js";

/** Takes values from a source as they come, until it ends or is told to stop. */
export class Feed {
  private isStopped = false;
  private readonly source: PulledSource<unknown>;
  /** What the source threw. */
  failure: { readonly error: unknown } | undefined = undefined;

  /** @param take - called with each value */
  constructor(
    source: Source<unknown>,
    private readonly take: (value: unknown) => void,
    private readonly onLateError: (error: unknown) => void,
  ) {
    this.source = new PulledSource(source);
  }

  /** Resolves when it has ended. Never rejects. */
  async run(): Promise<void> {
    try {
      while (!this.isStopped) {
        const turn = nextTurn();
        if (turn !== undefined) await turn;
        const result = await this.source.next();
        if (result.done === true || this.isStopped) return;
        this.take(result.value);
      }
    } catch (error) {
      if (!this.isStopped) this.failure = { error };
    }
  }

  /** Resolves when the source has ended. @throws what the source throws as it ends */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.source.close(this.onLateError);
  }
}
