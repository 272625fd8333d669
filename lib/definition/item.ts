declare const KIND: unique symbol;

/** The type of a map's parameter that takes an item of a list, so that the map's result is a list. It is just a `T`. */
export type Item<T> = T & { readonly [KIND]?: "item" };

/** The type of a map's parameter that takes a value of a `Map` or a record. It is just a `T`. */
export type Entry<T> = T & { readonly [KIND]?: "entry" };

/** `"item"` or `"entry"` for a type that is marked as such; otherwise never. */
export type ItemKind<T> = 0 extends 1 & T
  ? never
  : typeof KIND extends keyof T
    ? Exclude<T[typeof KIND], undefined>
    : never;

/** An item, as a node's context shows it. */
export interface ItemPlace {
  /** Its index in a list, or its key in a `Map` or a record. */
  readonly key: unknown;
  /** Counted from 0. */
  readonly index: number;
}
