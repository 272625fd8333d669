import { createHash, randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";

/**
 * An owner, as stored in the rows of its runs: host/pid/machine-start/store. The start distinguishes processes with the
 * same pid.
 */
const OWNER = /^.+\/(\d+)\/([0-9a-f]+)-(\d*)\/[^/]+$/u;

/** A new name, unique among all stores that drive runs of a database. */
export function newOwner(): string {
  return `${hostname()}/${process.pid}/${machine}-${processStart(process.pid) ?? ""}/${randomUUID()}`;
}

/**
 * Whether an owner's process is known to have ended: it ran on this machine (and in this container), and its pid is now
 * free, or is that of a zombie or a newer process.
 */
export function isGone(owner: string): boolean {
  const [, pid, itsMachine, start] = OWNER.exec(owner) ?? [];
  if (itsMachine !== machine) return false;
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
  const current = processStart(Number(pid));
  if (current === undefined) return false;
  return current === DEAD || (start !== "" && current !== start);
}

/** {@link isGone}, with a cache by owner. */
export function cachedIsGone(): (owner: string) => boolean {
  const cache = new Map<string, boolean>();
  return (owner) => {
    let gone = cache.get(owner);
    if (gone === undefined) cache.set(owner, (gone = isGone(owner)));
    return gone;
  };
}

/** Identifies this machine since its last boot, and the namespace of its process ids. */
const machine = createHash("sha256").update(machineFacts()).digest("hex").slice(0, 16);

function machineFacts(): string {
  if (process.platform !== "linux") {
    const addresses = Object.values(networkInterfaces()).flatMap((list) => list?.map(({ mac }) => mac) ?? []);
    return [hostname(), ...Array.from(new Set(addresses)).sort()].join();
  }
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${hostname()} ${boot} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return randomUUID(); // Unknown, so no other process is ever known to be gone.
  }
}

/** Stands for the start time of a zombie process. */
const DEAD = "dead";

/** When a process started, as an opaque value; undefined if the system does not provide it. */
function processStart(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // Skips the command name, which is in parentheses and may contain anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return /[ZX]/u.test(fields[0]) ? DEAD : fields[19];
}
