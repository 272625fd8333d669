import { ancestryOf, classOf } from "./class-state.js";

/** The kind of all objects that share a prototype. */
export class Kind {
  /** The native class whose data the object has: `Object`, `Map`, `TypeError`; `null` if there is none. */
  readonly native: string;
  /** The user-defined class that it is an instance of; undefined for native objects. */
  readonly className: string | undefined;
  /** Why it may hold data that can't be read; undefined when nothing suggests it. */
  readonly unsupported: string | undefined = undefined;
  private readonly prototypes: readonly object[];
  private text: string | undefined = undefined;

  constructor(prototype: object) {
    const { prototypes, native = "null", hiding } = ancestryOf(prototype);
    const isPlain = prototypes.length === 0 || isEmpty(prototype);
    this.native = native;
    this.prototypes = isPlain ? [] : prototypes;
    this.className = isPlain ? undefined : classOf(prototype)?.name || "a class";
    if (hiding !== undefined) this.unsupported = `is an instance of ${this.className}, which ${hiding}`;
    else if (!this.prototypes.every(classOf)) this.unsupported = "has a prototype that belongs to no class";
  }

  /**
   * Identifies the class: its name, and a hash of its source and of those it extends. Other classes with the same
   * source, which may close over other variables, get a random id as well. Empty for native objects.
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

/** Whether a prototype is empty and inherits nothing. Node uses such prototypes for dictionaries. */
function isEmpty(prototype: object): boolean {
  return Object.getPrototypeOf(prototype) === null && Reflect.ownKeys(prototype).length === 0;
}

const taken = new Set<string>();

function newTag(name: string, prototypes: readonly object[]): string {
  const { createHash } = process.getBuiltinModule("node:crypto");
  const sources = prototypes.map((prototype) => Function.prototype.toString.call(classOf(prototype)));
  const tag = `${name} ${createHash("sha256").update(JSON.stringify(sources)).digest("base64")}`;
  if (taken.has(tag)) return `${tag} ${globalThis.crypto.randomUUID()}`;
  taken.add(tag);
  return tag;
}
