import { nextTurn } from "../../base/event-loop.js";
import { PulledSource, type Source } from "../../base/source.js";

/** Takes the values of a source as they come, until it ends or is stopped. */
export class Feed {
  private isStopped = false;
  private readonly source: PulledSource<unknown>;
  /** What the source threw, or what was thrown when one of its values was refused. */
  failure: { readonly error: unknown; readonly isRefusal: boolean } | undefined = undefined;

  /** @param take - called with each value; may refuse it by throwing */
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
        if (!this.accepts(result.value)) return await this.source.close(this.onLateError).catch(this.onLateError);
      }
    } catch (error) {
      if (!this.isStopped) this.failure = { error, isRefusal: false };
    }
  }

  private accepts(value: unknown): boolean {
    try {
      this.take(value);
    } catch (error) {
      this.failure = { error, isRefusal: true };
    }
    return this.failure === undefined;
  }

  /** Resolves when the source has ended. @throws what the source throws as it ends */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.source.close(this.onLateError);
  }
}
