/** The handle of a run that this process drives. */
interface LocalHandle {
  readonly result: Promise<unknown>;
  readonly recorded: Promise<void>;
}

/**
 * Where the run of an id is, if another run of that id may exist: in this process, or driven by another one until the
 * run ends or that process is gone.
 *
 * `H` is its handle in this process, `R` the part of that which a run driven by another process has.
 */
export class RunLocation<H extends R & LocalHandle, R> {
  /** The current handle, as far as is known. */
  handle: R;
  readonly result: Promise<Awaited<H["result"]>>;
  /** Resolves when a run of this id, with the inputs of the new one, is in the store. */
  readonly recorded: Promise<void>;
  private located: Promise<R>;

  /**
   * @param own - the handle of the new run
   * @param local - the handle of the run in this process: the new run, or the one that exists
   * @param remote - the handle of the run while another process drives it; stays pending if none does
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

  /** Resolves to the current handle, as soon as it is known. @throws the error for which there is no such run */
  current(): Promise<R> {
    return this.located;
  }
}
