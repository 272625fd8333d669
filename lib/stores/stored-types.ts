import { show } from "../base/check.js";
import { hasGetters, obstacleOf, type Class } from "../base/class-state.js";
import { abandon, pendingOf } from "../base/coroutine.js";
import { knownError, knownName } from "./known-errors.js";

/** How instances of a class are kept: by their own properties, or as `encode` says. */
export type StoredType = Class | CustomType;

interface CustomType {
  readonly is: (value: unknown) => boolean;
  readonly encode: (value: any) => unknown;
  readonly decode: (data: any) => unknown;
}

export interface NamedCustomType extends CustomType {
  readonly name: string;
}

/** A class whose instances are kept by their own properties. */
export class StoredClass {
  /** The native error that its instances are. */
  readonly error: string | undefined;
  private inspected: { readonly obstacle: string | undefined; readonly hasGetters: boolean } | undefined;

  constructor(
    readonly name: string,
    readonly type: Class,
  ) {
    this.error = knownError(type.prototype);
  }

  /** Why instances can't be kept so. Reading what a class is made of takes its time, and is done when it is needed. */
  get obstacle(): string | undefined {
    return this.inspect().obstacle;
  }

  /** Getters show what an instance without properties of its own holds. */
  get hasGetters(): boolean {
    return this.inspect().hasGetters;
  }

  private inspect() {
    return (this.inspected ??= { obstacle: obstacleOf(this.type), hasGetters: hasGetters(this.type) });
  }
}

/** The classes a store is told of. That of an object is the one it is an instance of itself, not by inheritance. */
export class StoredTypes {
  readonly customTypes: readonly NamedCustomType[];
  private readonly classes: ReadonlyMap<object, StoredClass>;
  private readonly names: ReadonlyMap<string, StoredClass | NamedCustomType>;

  /** @throws {TypeError} for what is neither a class nor `{ is, encode, decode }` */
  constructor(types: Readonly<Record<string, StoredType>>) {
    const named = Object.entries(types).map(([name, type]) => namedType(name, type));
    this.names = new Map(named.map((type) => [type.name, type]));
    this.customTypes = named.filter((type): type is NamedCustomType => !(type instanceof StoredClass));
    // What the language brings along is kept as such.
    const classes = named.filter(
      (type) => type instanceof StoredClass && knownName(type.type.prototype) === undefined,
    ) as StoredClass[];
    this.classes = new Map(classes.map((type) => [type.type.prototype as object, type]));
  }

  get isEmpty(): boolean {
    return this.names.size === 0;
  }

  classOf(prototype: object): StoredClass | undefined {
    return this.classes.get(prototype);
  }

  /** The class that one which is not known extends. */
  baseClassOf(prototype: object): StoredClass | undefined {
    for (let at: object | null = prototype; at !== null; at = Object.getPrototypeOf(at) as object | null) {
      const found = this.classes.get(at);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** @throws {TypeError} when an `is` gives a promise; what `is` throws */
  customTypeOf(value: unknown): NamedCustomType | undefined {
    return this.customTypes.find((coding) => matches(coding, value));
  }

  get(name: string): StoredClass | NamedCustomType | undefined {
    return this.names.get(name);
  }
}

/** A promise is true whatever it promises, and so it is no answer. */
function matches({ name, is }: NamedCustomType, value: unknown): boolean {
  const answer: unknown = is(value);
  if (typeof answer === "boolean") return answer;
  const pending = pendingOf(answer);
  if (pending === undefined) return Boolean(answer);
  abandon(pending);
  throw new TypeError(`"is" of type "${name}" gives a promise, and has to return a boolean`);
}

function namedType(name: string, type: StoredType): StoredClass | NamedCustomType {
  if (typeof type === "function" && typeof type.prototype === "object") return new StoredClass(name, type);
  const { is, encode, decode } = (type ?? {}) as Partial<CustomType>;
  if (typeof is === "function" && typeof encode === "function" && typeof decode === "function") {
    return { name, is, encode, decode };
  }
  throw new TypeError(`"types.${name}" must be a class or { is, encode, decode }; received ${show(type)}.`);
}
