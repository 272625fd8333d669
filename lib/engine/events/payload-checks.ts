import type { StandardSchema } from "../../base/standard-schema.js";
import { checkedPayload } from "./payloads.js";

/** Checks the payloads of events before they are sent, and keeps the order of the calls, however long checks take. */
export class PayloadChecks {
  /** Settles when the payloads so far are checked; undefined if they are. */
  private checking: Promise<unknown> | undefined;

  /**
   * Calls `send` with the payload as parsed by its schema: at once, unless a schema is asynchronous.
   * @throws {ValidationError} VALIDATION with all issues of the schema
   */
  inOrder(
    event: string,
    payload: unknown,
    schema: StandardSchema<any, any> | undefined,
    send: (checked: unknown) => Promise<void>,
  ): Promise<void> {
    const checked = checkedPayload(event, payload, schema);
    if (this.checking === undefined && !(checked instanceof Promise)) return send(checked);
    const both = Promise.all([checked, this.checking]);
    const settled = both.then(
      () => {},
      () => {},
    );
    this.checking = settled;
    void settled.then(() => {
      if (this.checking === settled) this.checking = undefined;
    });
    return both.then(([value]) => send(value));
  }
}
