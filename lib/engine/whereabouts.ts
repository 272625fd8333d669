/** The handle of a run that is here. */
interface Handle {
  readonly result: Promise<unknown>;
  readonly recorded: Promise<void>;
}

/**
 * Where a run is that has the id of a new one. At first that is not known; then it turns out to be here, the new one itself or
 * another, or elsewhere, driven by another process, and here when that has ended it, or is gone.
 *
 * `H` is its handle when it is here, `E` what there is of that while it is elsewhere.
 */
export class Whereabouts<H extends E & Handle, E> {
  /** Who answers for the run, as far as is known. */
  handle: E;
  readonly result: Promise<Awaited<H["result"]>>;
  /** Resolves when there is a run of this id that has the inputs of the new one. */
  readonly recorded: Promise<void>;
  private place: Promise<E>;

  /** @param giveUp - ends the looking for another run, or the waiting for it */
  constructor(
    own: H,
    readonly here: Promise<H>,
    elsewhere: Promise<E>,
    readonly giveUp: (reason: unknown) => void,
  ) {
    this.handle = own;
    this.place = Promise.race([elsewhere, here]);
    this.result = here.then(({ result }) => result) as Promise<Awaited<H["result"]>>;
    this.recorded = Promise.race([elsewhere.then(() => {}), here.then(({ recorded }) => recorded)]);
    const answers = (handle: E) => void (this.handle = handle);
    void elsewhere.then(answers);
    const isThere = () => void (this.place = here);
    here.then(answers).then(isThere, isThere);
    for (const promise of [this.place, this.result, this.recorded]) promise.catch(() => {});
  }

  /** Who answers for the run, as soon as that is known. @throws why nobody does: the run is not to be had, or was given up */
  now(): Promise<E> {
    return this.place;
  }
}
