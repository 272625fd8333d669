/** Native classes, and how to read and restore the data of their instances. */

/** A native class whose instances refer to no other objects. */
export interface Leaf {
  readonly prototype: object;
  /**
   * The data of an instance, in JSON's types.
   * @throws {TypeError} for an object that only pretends to be an instance
   */
  readonly parts: (value: any) => readonly (string | number | null)[];
  /** Restores an instance. @throws an error for invalid parts */
  readonly from: (...parts: any[]) => object;
  /** The number of an instance's built-in own properties. */
  readonly keys: (value: any) => number;
}

const NONE = () => 0;

/** Not available up to Node 24. */
const { Temporal } = globalThis as { Temporal?: Record<string, { prototype: object; from(text: string): object }> };
const TEMPORAL = [
  "Duration",
  "Instant",
  "PlainDate",
  "PlainTime",
  "PlainDateTime",
  "PlainMonthDay",
  "PlainYearMonth",
  "ZonedDateTime",
];

export const LEAVES: ReadonlyMap<string, Leaf> = new Map<string, Leaf>([
  [
    "Date",
    {
      prototype: Date.prototype,
      parts: (value) => [Date.prototype.getTime.call(value)],
      from: (time: number | null) => new Date(time ?? NaN),
      keys: NONE,
    },
  ],
  [
    "RegExp",
    {
      prototype: RegExp.prototype,
      parts: ({ source, flags, lastIndex }: RegExp) => [source, flags, lastIndex],
      from: (source: string, flags: string, lastIndex: number) =>
        Object.assign(new RegExp(source, flags), { lastIndex }),
      keys: () => 1,
    },
  ],
  ["URL", { prototype: URL.prototype, parts: ({ href }: URL) => [href], from: (href) => new URL(href), keys: NONE }],
  [
    "URLSearchParams",
    {
      prototype: URLSearchParams.prototype,
      parts: (value) => [URLSearchParams.prototype.toString.call(value)],
      from: (text: string) => new URLSearchParams(text),
      keys: NONE,
    },
  ],
  [
    "Number",
    {
      prototype: Number.prototype,
      // JSON has no NaN and no -0.
      parts: (value) => {
        const number = Number.prototype.valueOf.call(value);
        return [Object.is(number, -0) ? "-0" : String(number)];
      },
      from: (text: string) => Object(Number(text)) as object,
      keys: NONE,
    },
  ],
  [
    "String",
    {
      prototype: String.prototype,
      parts: (value) => [String.prototype.valueOf.call(value)],
      from: (text: string) => Object(text) as object,
      keys: ({ length }: string) => length + 1,
    },
  ],
  [
    "Boolean",
    {
      prototype: Boolean.prototype,
      parts: (value) => [String(Boolean.prototype.valueOf.call(value))],
      from: (text: string) => Object(text === "true") as object,
      keys: NONE,
    },
  ],
  [
    "BigInt",
    {
      prototype: BigInt.prototype,
      parts: (value) => [String(BigInt.prototype.valueOf.call(value))],
      from: (text: string) => Object(BigInt(text)) as object,
      keys: NONE,
    },
  ],
  [
    "ArrayBuffer",
    {
      prototype: ArrayBuffer.prototype,
      parts: (value: ArrayBuffer & { resizable?: boolean }) => {
        if (value.resizable === true) throw new TypeError("it is resizable");
        return [base64(new Uint8Array(value))];
      },
      from: bytes,
      keys: NONE,
    },
  ],
  [
    "DOMException",
    {
      prototype: DOMException.prototype,
      parts: ({ message, name, stack }: DOMException) => [message, name, stack ?? null],
      from: (message: string, name: string, stack: string | null) =>
        Object.defineProperty(new DOMException(message, name), "stack", { value: stack ?? undefined }),
      keys: () => 1,
    },
  ],
  ...(Temporal === undefined ? [] : TEMPORAL).map((name): [string, Leaf] => {
    const Class = (Temporal as NonNullable<typeof Temporal>)[name];
    const parts = (value: { toString(): string }) => [value.toString()];
    return [
      `Temporal.${name}`,
      { prototype: Class.prototype, parts, from: (text: string) => Class.from(text), keys: NONE },
    ];
  }),
]);

type ViewClass = (new (buffer: ArrayBuffer) => ArrayBufferView) & { readonly prototype: object };

/** Not available on Node 20. */
const { Float16Array } = globalThis as { Float16Array?: ViewClass };

const VIEW_CLASSES: readonly ViewClass[] = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
  ...(Float16Array === undefined ? [] : [Float16Array]),
];

/** Functions that make a view of an entire buffer, by the name of the view's class. */
export const VIEWS: ReadonlyMap<string, (buffer: ArrayBuffer) => ArrayBufferView> = new Map([
  ...VIEW_CLASSES.map((View) => [View.name, (buffer: ArrayBuffer) => new View(buffer)] as const),
  ["Buffer", (buffer: ArrayBuffer) => Buffer.from(buffer)] as const,
]);

export type ErrorClass = abstract new (...args: any[]) => Error;

export const NATIVE_ERRORS: readonly ErrorClass[] = [
  Error,
  TypeError,
  RangeError,
  SyntaxError,
  ReferenceError,
  EvalError,
  URIError,
  AggregateError,
];

const NAMES: ReadonlyMap<object, string> = new Map<object, string>([
  [Object.prototype, "Object"],
  [Array.prototype, "Array"],
  [Map.prototype, "Map"],
  [Set.prototype, "Set"],
  [Buffer.prototype, "Buffer"],
  ...Array.from(LEAVES, ([name, { prototype }]) => [prototype, name] as const),
  ...VIEW_CLASSES.map(({ prototype, name }) => [prototype, name] as const),
  ...NATIVE_ERRORS.map(({ prototype, name }) => [prototype as object, name] as const),
]);
const KNOWN: ReadonlySet<string> = new Set(NAMES.values());

const NATIVE = /^(?:function|class) (\w+)\(\) \{ \[native code\] \}$/u;

/** The name of the native class, of any realm, that a prototype belongs to; undefined for other classes. */
export function nativeName(prototype: object): string | undefined {
  const name = NAMES.get(prototype);
  if (name !== undefined) return name;
  // Fake timers replace the global Date.
  if (prototype === Date.prototype) return "Date";
  const Class = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value as unknown;
  if (typeof Class !== "function" || Class.prototype !== prototype) return undefined;
  const found = NATIVE.exec(Function.prototype.toString.call(Class))?.[1];
  return found !== undefined && KNOWN.has(found) ? found : undefined;
}

/** @throws {TypeError} for a view of shared memory, or an object that only pretends to be a view */
export function base64({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
  if (!(Object.prototype.toString.call(buffer) === "[object ArrayBuffer]")) throw new TypeError("its memory is shared");
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString("base64");
}

/** A new buffer with the bytes of a base64 string. */
export function bytes(text: string): ArrayBuffer {
  return Uint8Array.from(Buffer.from(text, "base64")).buffer;
}
