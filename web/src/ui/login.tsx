// Asks for an access key, and tries it before it goes on. It cannot be closed: without a key there
// is nothing to show.
import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { giveKey } from '../api/key';
import { tryKey } from '../api/me';
import { store } from '../store';

const WORDS = {
  none: <>This server asks for a key.</>,
  refused: <>The server takes the key no longer that this page had: it was revoked or has
    expired. Where you were is kept.</>,
};

export function Login({ why }: { why: 'none' | 'refused' }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const error = useSignal('');
  const isBusy = useSignal(false);
  const isShown = useSignal(false);
  const field = useRef<HTMLInputElement>(null);
  const show = () => {
    isShown.value = !isShown.value;
    if (field.current !== null) field.current.type = isShown.value ? 'text' : 'password';
  };
  useEffect(() => dialog.current?.showModal(), []);
  const submit = async (event: Event) => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    const key = String(form.get('key')).trim();
    isBusy.value = true;
    const me = await tryKey(key);
    isBusy.value = false;
    error.value = typeof me === 'string' ? me : '';
    if (typeof me === 'string') return;
    store.me.value = me;
    giveKey(key, form.get('keep') !== null);
  };
  return (
    <dialog ref={dialog} class="dialog login" aria-labelledby="login-title"
      onCancel={(event) => event.preventDefault()}>
      <form onSubmit={submit}>
        <h2 id="login-title"><img src="favicon.svg" alt="" width="28" height="28" />Log in</h2>
        <p class="dialog-text">{WORDS[why]}</p>
        <div class="field">
          <label for="login-key">Access key</label>
          <div class="login-key">
            <input id="login-key" name="key" type="password" ref={field} required autofocus
              autocomplete="current-password" spellcheck={false} pattern="\s*[!-~]+\s*"
              placeholder="swm_…" maxLength={300} aria-describedby="login-hint"
              aria-invalid={error.value !== '' || undefined} />
            <button type="button" aria-pressed={isShown.value}
              onClick={show}>Show</button>
          </div>
          <span id="login-hint" class="field-hint">An administrator makes one
            with <code>swm key create</code>, or here under Keys.</span>
        </div>
        <label class="check"><input type="checkbox" name="keep" />Stay logged in in this browser
        </label>
        {error.value !== '' && <p class="error" role="alert">{error.value}</p>}
        <div class="buttons"><button type="submit" class="primary" disabled={isBusy.value}>
          Log in</button></div>
      </form>
    </dialog>
  );
}
