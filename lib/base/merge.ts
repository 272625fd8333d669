/** Merges options over defaults. Options that are undefined do not override a default. */
export function merge<O extends object>(defaults: object, options: O | undefined): O {
  const isGiven = ([option, value]: [string, unknown]) => value !== undefined || !Object.hasOwn(defaults, option);
  return { ...defaults, ...Object.fromEntries(Object.entries(options ?? {}).filter(isGiven)) } as O;
}
