import { createHash, randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";

/** What drives runs, as it stands in their rows: the host, the process, what tells these from others of the name, and a store. */
const OWNER = /^.+\/(\d+)\/([0-9a-f]+)-(\d*)\/[^/]+$/u;

/** Names a store of this process among all that drive runs of a database. */
export function newOwner(): string {
  return `${hostname()}/${process.pid}/${machine}-${processStart(process.pid) ?? ""}/${randomUUID()}`;
}

/**
 * Whether an owner's process is known to be gone: it was on this machine, in this container if it is one, and nothing of its
 * number is left, or what has it now is dead, or began at another time.
 */
export function isGone(owner: string): boolean {
  const [, pid, itsMachine, start] = OWNER.exec(owner) ?? [];
  if (itsMachine !== machine) return false;
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
  const present = processStart(Number(pid));
  if (present === undefined) return false;
  return present === DEAD || (start !== "" && present !== start);
}

/** Tells what {@link isGone} does, and looks once for each owner. */
export function cachedIsGone(): (owner: string) => boolean {
  const known = new Map<string, boolean>();
  return (owner) => {
    let verdict = known.get(owner);
    if (verdict === undefined) known.set(owner, (verdict = isGone(owner)));
    return verdict;
  };
}

/** Tells this machine, since it booted, and the numbering of its processes from all others. */
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
    return randomUUID(); // It can't be told, so that no other process is ever known to be gone.
  }
}

/** Instead of when it began, for a process that nobody has buried yet. */
const DEAD = "dead";

/** When a process began, where the system tells; undefined where it does not. */
function processStart(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // Its own name, in brackets, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return /[ZX]/u.test(fields[0]) ? DEAD : fields[19];
}
