import { abandon, pendingOf } from "../base/coroutine.js";
import { structuralKey } from "../base/structural-key.js";
import type { CacheOptions } from "../definition/specs/policy-options.js";

/** Longer keys are replaced by their hash. */
const MAX_LENGTH = 200;

type Inputs = Readonly<Record<string, unknown>>;

/** The cache keys of one node. Two calls share a key only if the inputs in it are structurally equal. */
export class CacheKeys {
  private readonly json: ReadonlySet<object>;
  private readonly version: string;

  /** @param prefix - the start of every key */
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
   * @throws {Incomparable} when an input in the key can't be compared by value, or may hold hidden state
   */
  of(inputs: Inputs): string {
    const text = this.version + structuralKey(this.keyed(inputs), this.json);
    return this.prefix + (text.length <= MAX_LENGTH ? text : hash(text));
  }

  /** The part of the inputs that makes up the key. */
  private keyed(inputs: Inputs): unknown {
    const { key } = this.options;
    if (typeof key === "function") return requireSync(key(inputs));
    return pickDefined(inputs, key === undefined ? Object.keys(inputs) : [key].flat());
  }
}

function requireSync(key: unknown): unknown {
  const pending = pendingOf(key);
  if (pending === undefined) return key;
  abandon(pending);
  throw new TypeError(`"cache.key" returned a promise. Return the key itself, or let an earlier node compute it.`);
}

/** Undefined counts as missing. */
function pickDefined(inputs: Inputs, names: readonly string[]): Inputs {
  const picked = Object.create(null) as Record<string, unknown>;
  for (const name of names) if (inputs[name] !== undefined) picked[name] = inputs[name];
  return picked;
}

function hash(text: string): string {
  const { createHash } = process.getBuiltinModule("node:crypto");
  return createHash("sha256").update(text).digest("base64");
}
