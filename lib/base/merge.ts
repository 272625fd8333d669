/** Options over others: where an option is undefined, it is not given, and the other one stays. */
export function merge<O extends object>(others: object, options: O | undefined): O {
  const isGiven = ([option, value]: [string, unknown]) => value !== undefined || !Object.hasOwn(others, option);
  return { ...others, ...Object.fromEntries(Object.entries(options ?? {}).filter(isGiven)) } as O;
}
