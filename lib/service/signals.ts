const SIGNALS = ["SIGTERM", "SIGINT"] as const;

type Stop = () => Promise<void>;

/** What is to be stopped before the process ends. */
const stops = new Set<Stop>();

/**
 * Stops something when the process is asked to end, and then lets the process end as it would have. A second signal ends
 * it at once.
 * @returns a function that forgets it
 */
export function stopOnSignals(stop: Stop): () => void {
  if (stops.size === 0) for (const signal of SIGNALS) process.on(signal, onSignal);
  stops.add(stop);
  return () => {
    if (stops.delete(stop) && stops.size === 0) forget();
  };
}

function onSignal(signal: NodeJS.Signals): void {
  const all = Array.from(stops);
  stops.clear();
  forget();
  // Other listeners decide when the process ends.
  const isAlone = process.listenerCount(signal) === 0;
  void Promise.allSettled(all.map((stop) => stop())).then(() => isAlone && process.kill(process.pid, signal));
}

function forget(): void {
  for (const signal of SIGNALS) process.off(signal, onSignal);
}
