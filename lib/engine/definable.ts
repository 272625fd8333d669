/** What a class makes; an object stands for itself. */
export type InstanceOf<S> = S extends abstract new (...args: any[]) => infer I ? I : S;

/** What a workflow can be made from; for a class whose constructor takes arguments, what to do instead. */
export type Definable<S> = S extends abstract new (...args: any[]) => unknown
  ? S extends new () => unknown
    ? S
    : { problem: "its constructor takes arguments"; use: "an instance of it: from(new Class(...))" }
  : S;
