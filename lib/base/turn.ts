/** Calls a function on the next turn of the event loop: the real one, also where a test has faked the timers. */
export const { setImmediate } = globalThis;
