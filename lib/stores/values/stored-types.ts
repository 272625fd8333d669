import { show } from "../../base/check.js";
import { type Class, hasGetters, whyUnsupported } from "../../base/class-state.js";
import { abandon, pendingOf } from "../../base/coroutine.js";
import { knownError, knownName } from "./known-errors.js";

/** How a type is stored: a class by the own properties of its instances, other types by custom encoding. */
export type StoredType = Class | CustomType;

/** @inline */
interface CustomType {
  /** Whether a value is of this type. */
  readonly is: (value: unknown) => boolean;
  /** Converts a value to one that can be stored. */
  readonly encode: (value: any) => unknown;
  /** Converts what `encode` returned back to the value. */
  readonly decode: (data: any) => unknown;
}

export interface NamedCustomType extends CustomType {
  readonly name: string;
}

/** A class whose instances are stored by their own properties. */
export class StoredClass {
  /** The known error class that it extends, if any. */
  readonly error: string | undefined;
  private inspected: { readonly obstacle: string | undefined; readonly hasGetters: boolean } | undefined;

  constructor(
    readonly name: string,
    readonly type: Class,
  ) {
    this.error = knownError(type.prototype);
  }

  /** Why its instances can't be stored like this, if so. Computed on first use: inspecting a class is slow. */
  get obstacle(): string | undefined {
    return this.inspect().obstacle;
  }

  /** Getters on an instance without own properties show that it has hidden state. */
  get hasGetters(): boolean {
    return this.inspect().hasGetters;
  }

  private inspect() {
    return (this.inspected ??= { obstacle: whyUnsupported(this.type), hasGetters: hasGetters(this.type) });
  }
}

/** The types in the store option `types`. Classes match exactly: instances of subclasses don't match. */
export class StoredTypes {
  readonly customTypes: readonly NamedCustomType[];
  private readonly classes: ReadonlyMap<object, StoredClass>;
  private readonly names: ReadonlyMap<string, StoredClass | NamedCustomType>;

  /** @throws {TypeError} for a type that is neither a class nor `{ is, encode, decode }` */
  constructor(types: Readonly<Record<string, StoredType>>) {
    const named = Object.entries(types).map(([name, type]) => toNamed(name, type));
    this.names = new Map(named.map((type) => [type.name, type]));
    this.customTypes = named.filter((type): type is NamedCustomType => !(type instanceof StoredClass));
    // Native and known classes have their own encoding.
    const classes = named.filter(
      (type) => type instanceof StoredClass && knownName(type.type.prototype) === undefined,
    ) as StoredClass[];
    this.classes = new Map(classes.map((type) => [type.type.prototype as object, type]));
  }

  classOf(prototype: object): StoredClass | undefined {
    return this.classes.get(prototype);
  }

  /** The closest registered class that a prototype inherits from. */
  baseClassOf(prototype: object): StoredClass | undefined {
    for (let at: object | null = prototype; at !== null; at = Object.getPrototypeOf(at) as object | null) {
      const found = this.classes.get(at);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** @throws {TypeError} when an `is` returns a promise; whatever `is` throws */
  customTypeOf(value: unknown): NamedCustomType | undefined {
    return this.customTypes.find((coding) => matches(coding, value));
  }

  get(name: string): StoredClass | NamedCustomType | undefined {
    return this.names.get(name);
  }
}

/** @throws {TypeError} when `is` returns a promise, which would always count as true */
function matches({ name, is }: NamedCustomType, value: unknown): boolean {
  const result: unknown = is(value);
  if (typeof result === "boolean") return result;
  const pending = pendingOf(result);
  if (pending === undefined) return Boolean(result);
  abandon(pending);
  throw new TypeError(`"is" of type "${name}" returned a promise; it must return a boolean`);
}

function toNamed(name: string, type: StoredType): StoredClass | NamedCustomType {
  if (typeof type === "function" && typeof type.prototype === "object") return new StoredClass(name, type);
  const { is, encode, decode } = (type ?? {}) as Partial<CustomType>;
  if (typeof is === "function" && typeof encode === "function" && typeof decode === "function") {
    return { name, is, encode, decode };
  }
  throw new TypeError(`"types.${name}" must be a class or { is, encode, decode }; received ${show(type)}.`);
}
