import { ancestryOf, classOf } from "./class-state.js";

/** What an object is, by its prototype. */
export class Kind {
  /** The native class whose data it has: `Object`, `Map`, `TypeError`; `null` where there is none. */
  readonly native: string;
  /** The class of somebody's that it is an instance of; undefined for what is native. */
  readonly className: string | undefined;
  /** Why it may hold more than it shows; undefined as far as nothing says so. */
  readonly obstacle: string | undefined = undefined;
  private readonly prototypes: readonly object[];
  private text: string | undefined = undefined;

  constructor(prototype: object) {
    const { prototypes, native = "null", hiding } = ancestryOf(prototype);
    const isPlain = prototypes.length === 0 || isNothing(prototype);
    this.native = native;
    this.prototypes = isPlain ? [] : prototypes;
    this.className = isPlain ? undefined : classOf(prototype)?.name || "a class";
    if (hiding !== undefined) this.obstacle = `is an instance of ${this.className}, which ${hiding}`;
    else if (!this.prototypes.every(classOf)) this.obstacle = "has a prototype that is no class's";
  }

  /**
   * What tells its class from all others: name and text of the class and of those it extends, and for further classes of the
   * same text, which may differ in what they close over, a random id. Empty for what is native.
   */
  get tag(): string {
    return (this.text ??= this.prototypes.length === 0 ? "" : newTag(this.className ?? "", this.prototypes));
  }
}

const kinds = new WeakMap<object, Kind>();

export function kindOf(prototype: object): Kind {
  let kind = kinds.get(prototype);
  if (kind === undefined) kinds.set(prototype, (kind = new Kind(prototype)));
  return kind;
}

/** Node has such prototypes, for objects without properties but their keys. */
function isNothing(prototype: object): boolean {
  return Object.getPrototypeOf(prototype) === null && Reflect.ownKeys(prototype).length === 0;
}

const taken = new Set<string>();

function newTag(name: string, prototypes: readonly object[]): string {
  const { createHash } = process.getBuiltinModule("node:crypto");
  const texts = prototypes.map((prototype) => Function.prototype.toString.call(classOf(prototype)));
  const tag = `${name} ${createHash("sha256").update(JSON.stringify(texts)).digest("base64")}`;
  if (taken.has(tag)) return `${tag} ${globalThis.crypto.randomUUID()}`;
  taken.add(tag);
  return tag;
}
