import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { commandOf, type Act } from "../../commands.js";
import type { Place } from "../data.js";
import { announce } from "../parts/announcer.js";
import { CommandLine } from "../parts/message.js";
import { post } from "../server.js";

/** What a person is about to do. */
export interface Plan {
  /** What it does to the run, in a sentence. */
  readonly what: string;
  /** On the button. */
  readonly verb: string;
  readonly path: string;
  readonly body: object;
  readonly act: Act;
  readonly isDangerous?: boolean;
  /** Said when it is done. */
  readonly done: string;
}

interface ActDialogProps {
  /** Undefined while what it takes is not complete. */
  readonly plan: Plan | undefined;
  readonly title: string;
  readonly place: Place;
  readonly onDone: (answer: { readonly runId?: string }) => void;
  readonly onClose: () => void;
  readonly children?: ComponentChildren;
}

/** Asks whether an act is meant, with the command line that does the same. */
export function ActDialog({ plan, title, place, onDone, onClose, children }: ActDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [error, setError] = useState<Error>();
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const confirm = async (event: Event) => {
    event.preventDefault();
    if (plan === undefined || isBusy) return;
    setBusy(true);
    try {
      const answer = await post<{ runId?: string }>(plan.path, plan.body);
      announce(plan.done);
      onDone(answer);
    } catch (thrown) {
      setError(thrown as Error);
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} aria-labelledby="act-title" onClose={onClose}>
      <form onSubmit={(event) => void confirm(event)}>
        <h2 id="act-title">{title}</h2>
        {plan !== undefined && <p>{plan.what}</p>}
        {children}
        {plan !== undefined && (
          <>
            <p class="note">The same on the command line:</p>
            <CommandLine line={commandOf(plan.act, place)} />
          </>
        )}
        {error !== undefined && (
          <p class="failure" role="alert">
            {error.message}
          </p>
        )}
        <div class="buttons">
          <button type="button" onClick={() => dialog.current?.close()}>
            Leave it
          </button>
          <button
            type="submit"
            class={plan?.isDangerous === true ? "dangerous" : "primary"}
            disabled={plan === undefined || isBusy}
          >
            {plan?.verb ?? title}
          </button>
        </div>
      </form>
    </dialog>
  );
}
