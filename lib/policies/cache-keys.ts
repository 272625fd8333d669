import { abandon, pendingOf } from "../base/coroutine.js";
import { structuralKey } from "../base/structural-key.js";
import type { CacheOptions } from "../definition/specs/policy-options.js";

/** Keys longer than this are replaced by their hash. */
const LONGEST = 200;

type Inputs = Readonly<Record<string, unknown>>;

/** The keys under which the results of one node are kept: calls share one only if all that counts in their inputs is equal. */
export class CacheKeys {
  private readonly json: ReadonlySet<object>;
  private readonly version: string;

  /** @param prefix - of all keys */
  constructor(
    readonly prefix: string,
    private readonly options: Pick<CacheOptions, "key" | "version" | "json">,
  ) {
    const { version, json = [] } = options;
    this.json = new Set(json.map((type) => type.prototype as object));
    this.version = version === undefined ? "" : `${structuralKey(version)}@`;
  }

  /**
   * The key of a call.
   * @param inputs - by parameter name
   * @throws {Incomparable} when an input that counts has no value to be found by, or may hold more than it shows
   */
  of(inputs: Inputs): string {
    const text = this.version + structuralKey(this.counted(inputs), this.json);
    return this.prefix + (text.length <= LONGEST ? text : hash(text));
  }

  private counted(inputs: Inputs): unknown {
    const { key } = this.options;
    if (typeof key === "function") return atOnce(key(inputs));
    return given(inputs, key === undefined ? Object.keys(inputs) : [key].flat());
  }
}

function atOnce(key: unknown): unknown {
  const pending = pendingOf(key);
  if (pending === undefined) return key;
  abandon(pending);
  throw new TypeError(`"cache.key" returned a promise. Return what counts at once, or let a node before compute it.`);
}

/** An input that is undefined is as good as none. */
function given(inputs: Inputs, names: readonly string[]): Inputs {
  const counted = Object.create(null) as Record<string, unknown>;
  for (const name of names) if (inputs[name] !== undefined) counted[name] = inputs[name];
  return counted;
}

function hash(text: string): string {
  const { createHash } = process.getBuiltinModule("node:crypto");
  return createHash("sha256").update(text).digest("base64");
}
