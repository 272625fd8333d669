/** The instance type of a class; the type of an instance itself. */
export type InstanceOf<S> = S extends abstract new (...args: any[]) => infer I ? I : S;

/**
 * The type of a class or an instance that can be made a workflow, or, if its constructor takes arguments, what to do
 * instead.
 */
export type WorkflowSource<S> = S extends abstract new (...args: any[]) => unknown
  ? S extends new () => unknown
    ? S
    : { problem: "its constructor takes arguments"; use: "an instance of it: from(new Class(...))" }
  : S;
