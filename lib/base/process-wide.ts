/** An object that all copies of this library in a process share, such as an ESM and a CommonJS one. */
export function processWide<T extends object>(name: string, create: () => T): T {
  const key = Symbol.for(`dagwright:${name}`);
  const holder = globalThis as unknown as Record<symbol, T | undefined>;
  return (holder[key] ??= create());
}
