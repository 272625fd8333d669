/** An input of a node: a parameter other than the context. A destructured one has no name. */
export interface Param {
  readonly name: string | undefined;
  /** Whether it has a default value. */
  readonly optional: boolean;
}

/** The parameters of a function. Frozen. */
export interface Signature {
  /** The inputs in order: all parameters except the context and a rest parameter. */
  readonly inputs: readonly Param[];
  /** The position of the context among all arguments; -1 if no parameter takes it. */
  readonly contextAt: number;
  /** The name of the context's parameter, if it was guessed. */
  readonly contextName: string | undefined;
  readonly guess: ContextGuess | undefined;
  /** The names of the inputs, if a compiler may have numbered some. */
  readonly numbered: readonly (string | undefined)[] | undefined;
  /** Whether a rest parameter takes all needs beyond the inputs. */
  readonly rest: boolean;
  /** Whether the function may read an argument after its inputs, which is then the context. */
  readonly extra: boolean;
  /** Whether the function's source names `getContext`. */
  readonly asks: boolean;
}

/** A parameter that may be meant for the context, despite its name. */
export interface ContextGuess {
  readonly at: number;
  /**
   * Whether a compiler has numbered it. Otherwise it is the last parameter, has a minified name, and is used like a
   * context.
   */
  readonly isNumbered: boolean;
}

/** The parameter list of a function. */
export interface Declared {
  readonly list: readonly Param[];
  readonly rest: boolean;
}
