// Dialogs: one at a time, drawn by whoever opens it. An action is a dialog that says what will
// happen before it happens, takes the reason, and shows the command that does the same.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { store } from '../store';
import { Cli } from './cli';
import { say } from './toast';

export function openDialog(draw: () => ComponentChildren): void {
  store.dialog.value = draw as () => preact.ComponentChild;
}

export function closeDialog(): void {
  store.dialog.value = null;
}

/** Where what had the focus is gone, whoever has no mouse goes on at the content. */
export function keepFocus(): void {
  const main = document.getElementById('main');
  if (document.activeElement === document.body) main?.focus({ preventScroll: true });
}

export function DialogHost() {
  const draw = store.dialog.value;
  const dialog = useRef<HTMLDialogElement>(null);
  const shown = useRef(draw);
  useEffect(() => {
    const element = dialog.current;
    if (element === null) return;
    if (draw !== null) shown.current = draw;
    if (draw !== null && !element.open) element.showModal();
    if (draw === null && element.open) element.close();
  }, [draw]);
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="dialog-title"
      onClose={() => { // it is told late: another may be asked for by then
        if (store.dialog.peek() === shown.current) closeDialog();
        keepFocus();
      }}>
      {draw?.()}
    </dialog>
  );
}

export type Action = {
  title: string;
  /** What will happen, in plain words. */
  text?: ComponentChildren;
  confirm: string;
  isDanger?: boolean;
  /** Whether a reason is asked for (and kept with the event). */
  reason?: 'required' | 'optional' | 'none';
  /** Further fields; what they hold comes in the form's data. */
  body?: ComponentChildren;
  /** The command that does the same, from what the form holds. */
  cli?: (form: FormData) => string;
  /** Does it. What it returns is said, or drawn in the dialog; what it throws is shown, and the
   * dialog stays. */
  send: (form: FormData) => Promise<string | (() => ComponentChildren)>;
};

export function openAction(action: Action): void {
  openDialog(() => <ActionForm action={action} />);
}

function ReasonField({ isRequired }: { isRequired: boolean }) {
  return (
    <label class="field">Reason
      <input name="reason" required={isRequired} maxLength={500} autocomplete="off" autofocus
        placeholder="Kept with the event" />
    </label>
  );
}

function ActionForm({ action }: { action: Action }) {
  const error = useSignal('');
  const isBusy = useSignal(false);
  const line = useSignal('');
  const form = useRef<HTMLFormElement>(null);
  const reason = action.reason ?? 'required';
  const told = () => {
    if (form.current !== null && action.cli) line.value = action.cli(new FormData(form.current));
  };
  useEffect(told, [action]);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (form.current === null) return;
    isBusy.value = true;
    error.value = '';
    try {
      const words = await action.send(new FormData(form.current));
      if (typeof words === 'string') {
        closeDialog();
        say(words);
      } else {
        openDialog(words);
      }
    } catch (e) {
      error.value = (e as Error).message;
    }
    isBusy.value = false;
  };
  return (
    <form ref={form} onSubmit={submit} onInput={told}>
      <h2 id="dialog-title">{action.title}</h2>
      {action.text !== undefined && <div class="dialog-text">{action.text}</div>}
      {action.body}
      {reason !== 'none' && <ReasonField isRequired={reason === 'required'} />}
      {line.value !== '' && <Cli line={line.value} />}
      {error.value !== '' && <p class="error" role="alert">{error.value}</p>}
      <div class="buttons">
        <button type="button" onClick={closeDialog}>Leave it</button>
        <button type="submit" class={action.isDanger ? 'danger' : 'primary'}
          disabled={isBusy.value}>{action.confirm}</button>
      </div>
    </form>
  );
}
