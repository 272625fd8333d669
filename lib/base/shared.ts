/** What all copies of this library in a process have in common, such as an ESM and a CommonJS one. */
export function shared<T extends object>(name: string, make: () => T): T {
  const key = Symbol.for(`dagwright:${name}`);
  const holder = globalThis as unknown as Record<symbol, T | undefined>;
  return (holder[key] ??= make());
}
