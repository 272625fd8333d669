/** The instance type of a class; the type of an instance itself. */
export type InstanceOf<S> = S extends abstract new (...args: any[]) => infer I ? I : S;

/**
 * A class or an instance that a workflow can be made of. For a class whose constructor takes arguments, a type that
 * says what to do instead.
 */
export type WorkflowSource<S> = S extends abstract new (...args: any[]) => unknown
  ? S extends new () => unknown
    ? S
    : { problem: "its constructor takes arguments"; use: "an instance of it: from(new Class(...))" }
  : S;
