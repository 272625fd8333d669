/** What a class makes; an object stands for itself. */
export type InstanceOf<S> = S extends abstract new (...args: any[]) => infer I ? I : S;

/** A class that needs constructor arguments can't be instantiated by dagwright: pass an instance instead. */
export type Definable<S> = S extends abstract new (...args: any[]) => unknown
  ? S extends new () => unknown
    ? S
    : never
  : S;
