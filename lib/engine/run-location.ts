/** The handle of a run that this process drives. */
interface LocalHandle {
  readonly result: Promise<unknown>;
  readonly recorded: Promise<void>;
}

/**
 * The location of a run that may already exist under its id: this process, or another process that drives it until the
 * run ends or that process is gone.
 *
 * `H` is the handle of a run in this process, `R` the part of it that works while another process drives the run.
 */
export class RunLocation<H extends R & LocalHandle, R> {
  /** The latest known handle. */
  handle: R;
  readonly result: Promise<Awaited<H["result"]>>;
  /** Resolves when a run of this id, with the inputs of the new one, is in the store. */
  readonly recorded: Promise<void>;
  private located: Promise<R>;

  /**
   * @param own - the handle of the new run
   * @param local - the handle of the run in this process: the new run, or the one that exists
   * @param remote - the handle of the run while another process drives it; pending forever if none does
   * @param giveUp - stops looking for another run, or waiting for it
   */
  constructor(
    own: H,
    readonly local: Promise<H>,
    remote: Promise<R>,
    readonly giveUp: (reason: unknown) => void,
  ) {
    this.handle = own;
    this.located = Promise.race([remote, local]);
    this.result = local.then(({ result }) => result) as Promise<Awaited<H["result"]>>;
    this.recorded = Promise.race([remote.then(() => {}), local.then(({ recorded }) => recorded)]);
    const setHandle = (handle: R) => void (this.handle = handle);
    void remote.then(setHandle);
    const setLocated = () => void (this.located = local);
    local.then(setHandle).then(setLocated, setLocated);
    for (const promise of [this.located, this.result, this.recorded]) promise.catch(() => {});
  }

  /** Resolves to the current handle, once it is known. @throws when the run is unavailable */
  current(): Promise<R> {
    return this.located;
  }
}
